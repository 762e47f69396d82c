//! docs/airflow-api.md: all of Airflow's public operations, and what flowctl makes of each. It is written from the routes
//! as the OpenAPI document has them, from Airflow's list, and from the notes here; a note that the routes contradict
//! fails, and so does an operation that is neither there nor explained. What of Airflow's is there takes all of Airflow's
//! parameters and orders.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use axum::http::Method;
use serde_json::Value;

use crate::world::{MANUAL_ETL, World};

/// Airflow's operations.
const OPERATIONS: &str = include_str!("airflow_operations.txt");

/// One of Airflow's operations.
struct Operation {
    resource: &'static str,
    /// Method and path below `/api/v2`.
    name: String,
    /// What its query may have.
    parameters: Vec<&'static str>,
    /// What its answer may be ordered by.
    orders: Vec<&'static str>,
}

fn operations() -> impl Iterator<Item = Operation> {
    let list = |text: Option<&'static str>| -> Vec<&str> {
        text.unwrap_or_default().split(',').filter(|part| !part.is_empty()).collect()
    };
    OPERATIONS.lines().filter(|line| !line.starts_with('#')).map(move |line| {
        let mut parts = line.split('\t');
        let mut next = || parts.next().expect("resource, method and path");
        let (resource, name) = (next(), format!("{} {}", next(), next()));
        Operation { resource, name, parameters: list(parts.next()), orders: list(parts.next()) }
    })
}

/// What there is to say of an operation.
enum Note {
    /// It is there, but not quite Airflow's.
    Differs(&'static str),
    /// It is answered with 501.
    Not(&'static str),
}
use Note::{Differs, Not};

/// Of lists of task instances.
const RENDERED: &str = "`rendered_fields` are told of single task instances, not in lists";

const STATE: &str = "values are set through this API only, not by tasks";
const TASK_STATE: &str = "values are set through this API only, not by tasks; what has expired is gone at once";
const PARTITIONS: &str = "there are no partitions: what names one is answered with 501";

/// Where flowctl is not Airflow, by method and path.
const NOTES: &[(&str, Note)] = &[
    ("GET /assets/aliases", Not("assets are named by their URIs")),
    ("GET /assets/aliases/{asset_alias_id}", Not("assets are named by their URIs")),
    ("POST /assets/events", Differs(PARTITIONS)),
    ("POST /assets/{asset_id}/materialize", Differs(PARTITIONS)),
    ("GET /connections/enqueue-test", Not("`POST /connections/test` tries a connection at once")),
    ("POST /connections/enqueue-test", Not("`POST /connections/test` tries a connection at once")),
    ("POST /connections/test", Differs("tries connections of the types `postgres` and `http`")),
    ("POST /connections/defaults", Differs("flowctl has no default connections: it creates none")),
    (
        "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}",
        Differs("a field in `update_mask` that cannot be changed is refused with 400, not ignored"),
    ),
    (
        "POST /dags/{dag_id}/dagRuns",
        Differs(
            "`logical_date` may be left out; `partition_key` is answered with 501; a DAG whose newest file was refused runs \
             in its last good version, where Airflow refuses",
        ),
    ),
    (
        "GET /dags/{dag_id}/dagRuns/{dag_run_id}/wait",
        Differs(
            "`interval` may be left out (1 s); a change of the state is told at once; results only of tasks that `result` \
             names",
        ),
    ),
    ("GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", Differs(RENDERED)),
    ("GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped", Differs(RENDERED)),
    ("POST /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", Differs(RENDERED)),
    (
        "POST /dags/{dag_id}/clearDagRuns",
        Differs("all runs or none are found; partition selectors are answered with 501"),
    ),
    ("POST /dags/{dag_id}/clearPartitions", Not("there are no partitions")),
    ("GET /config", Differs("flowctl's settings, of the web server's process; ops and admins always see them")),
    ("GET /config/section/{section}/option/{option}", Differs("as `GET /config`")),
    (
        "GET /dagWarnings",
        Differs("always empty: what Airflow warns of, flowctl refuses, and lists under `/importErrors`"),
    ),
    ("PATCH /dags", Differs("answers with the DAGs as they are after the change")),
    (
        "DELETE /dags/{dag_id}",
        Differs("deletes logs too; if the file is still there, the DAG comes back within seconds, without a history"),
    ),
    ("DELETE /dags/{dag_id}/dagRuns/{dag_run_id}", Differs("deletes logs too")),
    (
        "GET /jobs",
        Differs("a scheduler's process is a `TriggererJob` too, and a `DagProcessorJob` if it reads the folder"),
    ),
    ("GET /plugins", Differs("always empty: flowctl has no plugins")),
    ("GET /plugins/importErrors", Differs("always empty: flowctl has no plugins")),
    ("GET /providers", Differs("one entry, which names what is built in")),
    (
        "GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links",
        Differs("always empty: operators give no links"),
    ),
    (
        "GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/externalLogUrl/{try_number}",
        Differs("always refused with 400, as by an Airflow that keeps logs in files"),
    ),
    ("GET /assets/{asset_id}/state-store", Differs(STATE)),
    ("DELETE /assets/{asset_id}/state-store", Differs(STATE)),
    ("GET /assets/{asset_id}/state-store/{key}", Differs(STATE)),
    ("PUT /assets/{asset_id}/state-store/{key}", Differs(STATE)),
    ("DELETE /assets/{asset_id}/state-store/{key}", Differs(STATE)),
    ("GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", Differs(TASK_STATE)),
    ("DELETE /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", Differs(TASK_STATE)),
    ("GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Differs(TASK_STATE)),
    ("PUT /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Differs(TASK_STATE)),
    ("PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Differs(TASK_STATE)),
    ("DELETE /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", Differs(TASK_STATE)),
    (
        "PUT /parseDagFile/{file_token}",
        Differs(
            "a `file_token` is the file's path below the DAG folder; 404 when no DAG and no import error is listed for it",
        ),
    ),
    ("GET /version", Differs("flowctl's version")),
];

/// The routes as the document has them: `GET /dags/{}`, and whether each does more than refuse with 501.
fn routes(document: &Value) -> BTreeMap<String, bool> {
    let mut routes = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(path) = path.strip_prefix("/api/v2") else { continue };
        for (method, operation) in item.as_object().expect("operations") {
            let statuses = operation["responses"].as_object().expect("responses");
            let works = !statuses.contains_key("501") || statuses.keys().any(|status| status.starts_with('2'));
            routes.insert(nameless(&format!("{} {path}", method.to_uppercase())), works);
        }
    }
    routes
}

/// What the parts of a path are called does not matter.
fn nameless(operation: &str) -> String {
    let mut name = String::new();
    let mut is_inside = false;
    for letter in operation.chars() {
        is_inside &= letter != '}';
        if !is_inside {
            name.push(letter);
        }
        is_inside |= letter == '{';
    }
    name
}

fn verdict(operation: &str, works: Option<bool>) -> Result<String, String> {
    let note = NOTES.iter().find(|(name, _)| *name == operation).map(|(_, note)| note);
    match (works, note) {
        (Some(true), None) => Ok("yes | ".to_owned()),
        (Some(true), Some(Differs(how))) => Ok(format!("differs | {how}")),
        (Some(false), Some(Not(why))) => Ok(format!("no (501) | {why}")),
        (None, _) => Err(format!("{operation} is not there: answer it, at least with 501")),
        (Some(false), _) => Err(format!("{operation} is answered with 501: NOTES has to say why not")),
        (Some(true), Some(Not(_))) => Err(format!("{operation} works: NOTES says that it does not")),
    }
}

fn page(routes: &BTreeMap<String, bool>) -> Result<String, String> {
    let operations: Vec<Operation> = operations().collect();
    let known: BTreeSet<&str> = operations.iter().map(|operation| operation.name.as_str()).collect();
    if let Some((name, _)) = NOTES.iter().find(|(name, _)| !known.contains(name)) {
        return Err(format!("NOTES has `{name}`, which is no operation of Airflow's"));
    }
    let (mut table, mut problems, mut counts) = (String::new(), Vec::new(), BTreeMap::<&str, u32>::new());
    for Operation { resource, name, .. } in &operations {
        match verdict(name, routes.get(&nameless(name)).copied()) {
            Ok(said) => {
                *counts
                    .entry(if said.starts_with("yes") {
                        "yes"
                    } else if said.starts_with('d') {
                        "differs"
                    } else {
                        "no"
                    })
                    .or_default() += 1;
                let _ = writeln!(table, "| {resource} | `{name}` | {} |", said.trim_end());
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    let count = |verdict: &str| counts.get(verdict).copied().unwrap_or(0);
    Ok(format!(
        "{HEAD}\nOf {} operations {} are as in Airflow, {} differ, {} are answered with 501.\n\n\
         | resource | operation under `/api/v2` | | how, or why not |\n| --- | --- | --- | --- |\n{table}",
        operations.len(),
        count("yes"),
        count("differs"),
        count("no")
    ))
}

const HEAD: &str = "\
# Airflow's REST API in flowctl

All operations of Airflow 3.3's public REST API, and what flowctl makes of each. [The REST API](api.md) says how to use it, and
what flowctl has beside. \"yes\" means Airflow's parameters, orders, fields, status codes and refusals. Fields of what flowctl
never has (bundles, teams, partitions) are null, filters for it find nothing, and an order by it changes nothing.
Runs, task instances, XComs, events and questions to people are counted up to 50,000, as in Airflow only where a cursor is used.
`*_prefix_pattern` means the whole text that is given, where Airflow leaves out what is neither letter nor digit at its end.

<!-- Written by `UPDATE_DOCS=1 cargo nextest run -p webserver airflow`: the notes are in webserver/tests/it/airflow_api.rs. -->
";

#[tokio::test]
async fn the_page_on_airflows_operations_is_what_the_routes_are() {
    let world = World::create().await;
    let document: Value = world.ask(Method::GET, "/openapi.json", None, &[]).await.expect(200);
    let expected = page(&routes(&document)).unwrap_or_else(|problems| panic!("{problems}"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/airflow-api.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("the page is written");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, expected, "run UPDATE_DOCS=1 cargo nextest run -p webserver airflow");
}

/// Operations that are there: their names, and those of their parameters in the document.
fn ours(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut ours = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(path) = path.strip_prefix("/api/v2") else { continue };
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names = parameters.filter(|parameter| parameter["in"] == "query").map(|parameter| &parameter["name"]);
            let names = names.map(|name| name.as_str().expect("a name").to_owned()).collect();
            ours.insert(nameless(&format!("{} {path}", method.to_uppercase())), names);
        }
    }
    ours
}

fn is_refused(operation: &Operation) -> bool {
    NOTES.iter().any(|(name, note)| *name == operation.name && matches!(note, Not(_)))
}

#[tokio::test]
async fn every_parameter_of_airflow_is_taken() {
    let world = World::create().await;
    let document: Value = world.ask(Method::GET, "/openapi.json", None, &[]).await.expect(200);
    let (ours, mut missing, mut compared) = (ours(&document), Vec::new(), 0);
    for operation in operations().filter(|operation| !is_refused(operation)) {
        let known = &ours[&nameless(&operation.name)];
        compared += operation.parameters.len();
        let lost = operation.parameters.iter().filter(|name| !known.contains(**name));
        missing.extend(lost.map(|name| format!("{} has no {name}", operation.name)));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(compared > 350, "only {compared} parameters were compared");
}

#[tokio::test]
async fn every_list_takes_the_orders_of_airflow_and_refuses_others() {
    let world = World::create().await;
    world.dag(MANUAL_ETL).await;
    world.trigger("etl", "once").await;
    let mut problems = Vec::new();
    for operation in operations().filter(|operation| !operation.orders.is_empty() && !is_refused(operation)) {
        let path = operation.name.strip_prefix("GET ").expect("a list");
        let path = path.replace("{dag_id}", "etl").replace("{dag_run_id}", "once").replace("{task_id}", "extract");
        for name in &operation.orders {
            let answer = world.get(&format!("{path}?order_by={name}&order_by=-{name}")).await;
            if !matches!(answer.status.as_u16(), 200 | 404) {
                problems.push(format!("{path} by {name}: {} {}", answer.status, answer.text));
            }
        }
        let answer = world.get(&format!("{path}?order_by=colour")).await;
        if answer.status.as_u16() != 400 {
            problems.push(format!("{path} by colour: {} {}", answer.status, answer.text));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_neither_there_nor_explained_fails() {
    assert!(verdict("PATCH /dags", Some(true)).is_ok_and(|said| said.starts_with("differs")));
    assert!(verdict("GET /assets", Some(true)).is_ok_and(|said| said.starts_with("yes")));
    assert!(verdict("GET /assets", None).is_err());
    assert!(verdict("GET /assets", Some(false)).is_err());
    assert!(verdict("GET /assets/aliases", Some(true)).is_err());
    assert_eq!(nameless("GET /a/{b}/c/{d_e}"), "GET /a/{}/c/{}");
}

//! The form that triggers a run: one field per parameter, from its JSON Schema.

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use model::dag::Dag;
use model::state::TriggeredBy;
use serde_json::{Map, Value};

use super::format::{dag_href, run_href};
use super::param_field::{Field, Kind, shown, value};
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::{ActionError, LoggedIn, Trigger};

type Fields = HashMap<String, String>;

/// What is wrong with what was given, by the name of the field; an empty name: with all of it.
type Problems = HashMap<String, String>;

#[derive(Template)]
#[template(path = "trigger.html")]
struct TriggerPage {
    shell: Shell,
    dag_id: String,
    href: String,
    is_paused: bool,
    problem: String,
    params: Vec<Field>,
    conf: String,
    conf_problem: String,
    logical_date: String,
    logical_date_problem: String,
    run_id: String,
    note: String,
    /// More than the parameters was given, or is wrong.
    is_open: bool,
}

/// The form; `?conf=JSON` fills it, and so does `run_id`, `logical_date` and `note`.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(mut given): Query<Fields>,
) -> PageResult {
    let (dag, is_paused) = load(&pages, &dag_id).await?;
    spread(&dag, &mut given);
    form(&pages, &who, &dag, is_paused, &given, Problems::new()).await
}

/// Triggers, or shows the form again with what was given and what is wrong with it.
pub(super) async fn submit(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, PageError> {
    let (dag, is_paused) = load(&pages, &dag_id).await?;
    let (status, problems) = match read(&dag, &fields, (pages.clock)()) {
        Ok(trigger) => match pages.doors.trigger(&who, trigger).await {
            Ok(run_id) => return Ok(Redirect::to(&run_href(&dag_id, &run_id)).into_response()),
            Err(problem @ ActionError::Forbidden(_)) => return Err(problem.into()),
            Err(problem) => (problem.status(), Problems::from([(String::new(), problem.to_string())])),
        },
        Err(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
    };
    let html = form(&pages, &who, &dag, is_paused, &fields, problems).await?;
    Ok((status, html).into_response())
}

async fn load(pages: &Pages, dag_id: &str) -> Result<(Dag, bool), PageError> {
    let found = pages.store.pages_dag(dag_id, None).await?;
    let row = found.ok_or_else(|| PageError::NotFound(format!("DAG `{dag_id}`")))?;
    Ok((serde_json::from_value(row.spec)?, row.is_paused))
}

/// Puts the keys of a given conf that are parameters into their fields.
fn spread(dag: &Dag, given: &mut Fields) {
    let Some(Value::Object(mut conf)) = given.get("conf").and_then(|conf| serde_json::from_str(conf).ok()) else {
        return;
    };
    for name in dag.params.keys() {
        if let Some(value) = conf.remove(name) {
            given.insert(format!("param.{name}"), shown(&value));
        }
    }
    given.insert("conf".to_owned(), pretty(&conf));
}

fn pretty(conf: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(conf).unwrap_or_else(|_| "{}".to_owned())
}

async fn form(
    pages: &Pages,
    who: &LoggedIn,
    dag: &Dag,
    is_paused: bool,
    given: &Fields,
    mut problems: Problems,
) -> PageResult {
    // What is being filled in does not change by itself.
    let shell = Shell::load(pages, who, "dags", String::new()).await?;
    let kept = |name: &str| given.get(name).cloned().unwrap_or_default();
    let count = problems.keys().filter(|name| !name.is_empty()).count();
    let problem = problems.remove("").unwrap_or_else(|| match count {
        0 => String::new(),
        1 => "Nothing was triggered: one field is not right yet.".to_owned(),
        count => format!("Nothing was triggered: {count} fields are not right yet."),
    });
    let params = dag.params.iter().map(|(name, param)| {
        let key = format!("param.{name}");
        Field::new(name, param, given.get(&key), problems.remove(&key).unwrap_or_default())
    });
    let params: Vec<_> = params.collect();
    let conf = given.get("conf").cloned().unwrap_or_else(|| "{}".to_owned());
    let more = ["logical_date", "run_id", "note"].map(kept);
    page(&TriggerPage {
        shell,
        dag_id: dag.dag_id.clone(),
        href: dag_href(&dag.dag_id),
        is_paused,
        problem,
        is_open: conf.trim() != "{}" || more.iter().any(|text| !text.is_empty()) || !problems.is_empty(),
        conf_problem: problems.remove("conf").unwrap_or_default(),
        logical_date_problem: problems.remove("logical_date").unwrap_or_default(),
        params,
        conf,
        logical_date: kept("logical_date"),
        run_id: kept("run_id"),
        note: kept("note"),
    })
}

/// What the form asks for, or everything that is wrong with it.
fn read(dag: &Dag, fields: &Fields, now: Timestamp) -> Result<Trigger, Problems> {
    let text = |name: &str| fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut problems = Problems::new();
    let mut conf = Map::new();
    for (name, param) in &dag.params {
        let key = format!("param.{name}");
        match fields.get(&key).map(|given| value(param, given)) {
            Some(Ok(Some(value))) => drop(conf.insert(name.clone(), value)),
            Some(Err(problem)) => drop(problems.insert(key, problem.to_owned())),
            Some(Ok(None)) | None => {}
        }
    }
    match serde_json::from_str(text("conf").unwrap_or("{}")) {
        Ok(Value::Object(raw)) => conf.extend(raw),
        Ok(_) => {
            problems.insert("conf".to_owned(), "must be a JSON object, such as {\"day\": \"2026-01-01\"}".to_owned());
        }
        Err(problem) => {
            problems.insert("conf".to_owned(), format!("is not JSON: {problem}"));
        }
    }
    let logical_date = text("logical_date").map(str::parse::<Timestamp>).transpose().unwrap_or_else(|_| {
        let example = "must be an instant with its zone, such as 2026-01-31T00:00:00Z";
        problems.insert("logical_date".to_owned(), example.to_owned());
        None
    });
    if let Err(errors) = model::dag_file::params::merge(dag, &conf) {
        for (path, message) in errors {
            let name = path.split('/').next().unwrap_or_default();
            problems.entry(format!("param.{name}")).or_insert(message);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Trigger {
        dag_id: dag.dag_id.clone(),
        run_id: text("run_id").map(str::to_owned),
        logical_date: Some(logical_date.unwrap_or(now)),
        data_interval: None,
        run_after: None,
        conf,
        note: text("note").map(str::to_owned),
        triggered_by: TriggeredBy::Ui,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dag() -> Dag {
        let value = json!({"dag_id": "d", "owner": "o", "schedule": "none", "timezone": "UTC", "catchup": false, "tasks": [],
            "params": {"day": {"default": "mon", "schema": {"type": "string"}},
                       "n": {"default": 1, "schema": {"type": "integer", "maximum": 5}},
                       "size": {"schema": {"enum": [1, "big"]}}}});
        serde_json::from_value(value).expect("a DAG")
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_keep_their_types_defaults_are_left_out_and_raw_conf_goes_over_them() {
        let given = fields(&[("param.day", "1"), ("param.n", "1"), ("param.size", "1"), ("conf", "{\"day\":\"tue\"}")]);
        let trigger = read(&dag(), &given, Timestamp::UNIX_EPOCH).expect("readable");
        assert_eq!(Value::Object(trigger.conf), json!({"day": "tue", "size": 1}));
    }

    #[test]
    fn each_wrong_field_is_told_and_all_at_once() {
        let given = fields(&[("param.n", "9"), ("conf", "[1]"), ("logical_date", "soon")]);
        let problems = read(&dag(), &given, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(problems["conf"].contains("object") && problems["logical_date"].contains("instant"), "{problems:?}");
        assert!(problems["param.n"].contains("maximum") && problems["param.size"].contains("required"), "{problems:?}");
        assert_eq!(problems.len(), 4);
    }

    #[test]
    fn a_conf_in_the_address_fills_the_fields_of_its_parameters() {
        let mut given = fields(&[("conf", "{\"n\": 3, \"other\": true}")]);
        spread(&dag(), &mut given);
        assert_eq!(given["param.n"], "3");
        assert_eq!(given["conf"], "{\n  \"other\": true\n}");
    }
}

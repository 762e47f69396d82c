//! Roles of one's own, grants for DAGs and tags, and personal tokens.

use axum::http::Method;
use serde_json::{Value, json};
use store::event_log::By;

use webserver::access::{Needs, Permission, ROUTES, Route};

use crate::world::{Answer, World, now};

const TEAM: &str = "dag_id: team\ntags: [team-a]\ntasks:\n  - {id: only, empty: {}}\n";
const OTHER: &str = "dag_id: other\ntags: [team-b]\ntasks:\n  - {id: only, empty: {}}\n";

/// The fields of a connection in the form of its page.
const CONNECTION: &str = "conn_type=http&description=&host=h&login=&password=&schema=&port=&extra=";

/// Somebody with a token.
struct Somebody<'w> {
    world: &'w World,
    bearer: String,
}

impl Somebody<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let headers = [("authorization", self.bearer.as_str())];
        self.world.ask(method, &format!("/api/v2{path}"), body, &headers).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }
}

async fn somebody<'w>(world: &'w World, username: &str, role: &str) -> Somebody<'w> {
    Somebody { world, bearer: format!("Bearer {}", world.account(username, role).await) }
}

async fn grant(world: &World, role: &str, permission: &str, dag_id: Option<&str>, tag: Option<&str>) {
    let body = json!({"permission": permission, "dag_id": dag_id, "tag": tag});
    world.post(&format!("/roles/{role}/grants"), body).await.expect(201);
}

/// Every permission that can be granted for single DAGs.
async fn grant_all(world: &World, role: &str, dag_id: Option<&str>, tag: Option<&str>) {
    for permission in Permission::ALL.iter().filter(|permission| permission.is_of_dags()) {
        grant(world, role, permission.as_str(), dag_id, tag).await;
    }
}

/// Two DAGs with a run each, and somebody who may everything with the first.
async fn two_teams(world: &World) -> Somebody<'_> {
    for (text, dag_id, run_id) in [(TEAM, "team", "mine"), (OTHER, "other", "theirs")] {
        world.dag(text).await;
        world.trigger(dag_id, run_id).await;
        let path = format!("/dags/{dag_id}/dagRuns/{run_id}/taskInstances/only/xcomEntries");
        world.post(&path, json!({"key": format!("key-of-{dag_id}"), "value": 1})).await.expect(201);
    }
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    grant_all(world, "team-a", Some("team"), None).await;
    somebody(world, "ada", "team-a").await
}

fn names(answer: &Value, list: &str, field: &str) -> Vec<String> {
    let entries = answer[list].as_array().expect("entries").iter();
    entries.map(|entry| entry[field].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_role_of_ones_own_sees_and_changes_what_it_is_granted_and_nothing_else() {
    let world = World::create().await;
    world.dag(TEAM).await;
    world.dag(OTHER).await;
    for (dag_id, run_id) in [("team", "mine"), ("other", "theirs")] {
        world.trigger(dag_id, run_id).await;
    }
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    let ada = somebody(&world, "ada", "team-a").await;
    ada.get("/dags").await.refused(403);
    ada.get("/dags/team").await.refused(403);

    for permission in ["dag.read", "dag_run.read", "task_instance.read", "dag_run.create", "backfill.read"] {
        grant(&world, "team-a", permission, None, Some("team-a")).await;
    }
    let listed = ada.get("/dags").await.expect(200);
    assert_eq!((names(&listed, "dags", "dag_id"), &listed["total_entries"]), (vec!["team".to_owned()], &json!(1)));
    let runs = ada.get("/dags/~/dagRuns").await.expect(200);
    assert_eq!((names(&runs, "dag_runs", "dag_run_id"), &runs["total_entries"]), (vec!["mine".to_owned()], &json!(1)));
    let instances = ada.get("/dags/~/dagRuns/~/taskInstances").await.expect(200);
    assert!(names(&instances, "task_instances", "dag_id").iter().all(|dag_id| dag_id == "team"), "{instances}");
    assert_eq!(ada.get("/backfills").await.expect(200)["total_entries"], 0);

    ada.get("/dags/team/dagRuns/mine").await.expect(200);
    ada.post("/dags/team/dagRuns", json!({"dag_run_id": "another"})).await.expect(200);
    ada.get("/dags/other").await.refused(403);
    ada.get("/dags/other/dagRuns").await.refused(403);
    ada.get("/dags/other/dagRuns/theirs").await.refused(403);
    ada.post("/dags/other/dagRuns", json!({})).await.refused(403);
    ada.ask(Method::PATCH, "/dags/team", Some(json!({"is_paused": true}))).await.refused(403);
    ada.get("/pools").await.refused(403);
    ada.get("/roles").await.refused(403);
    // It is of one run, and no run is called `~`.
    ada.get("/dags/~/dagRuns/~/upstreamAssetEvents").await.refused(403);

    let grant = "/roles/team-a/grants?permission=dag.read&tag=team-a";
    world.delete(grant).await;
    ada.get("/dags/team").await.refused(403);
}

#[tokio::test]
async fn pages_show_what_may_be_read_and_buttons_that_may_be_pressed() {
    let world = World::create().await;
    world.dag(TEAM).await;
    world.dag(OTHER).await;
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    grant(&world, "team-a", "dag.read", Some("team"), None).await;
    grant(&world, "team-a", "dag_run.create", Some("team"), None).await;
    grant(&world, "team-a", "dag_run.read", Some("team"), None).await;
    world.account("ada", "team-a").await;
    let page = async |path: &str| {
        let cookie = format!("flowctl_session={}", world.token_for("ada").await);
        world.ask(Method::GET, path, None, &[("cookie", &cookie)]).await
    };
    let list = page("/").await;
    assert!(list.text.contains("dag-team") && !list.text.contains("dag-other"), "{}", list.text);
    assert!(list.text.contains("All 1") && !list.text.contains("team-b"), "{}", list.text);
    let dag = page("/dags/team").await;
    assert!(dag.text.contains("href=\"/dags/team/trigger\""), "{}", dag.text);
    assert!(dag.text.contains("may not pause DAGs"), "{}", dag.text);
    let code = page("/dags/team?tab=code").await;
    assert!(code.status == 403 && code.text.contains("may not read the source of DAGs"), "{}", code.text);
    let refused = page("/dags/other").await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("You may not do that"), "{}", refused.text);
}

#[tokio::test]
async fn a_grant_adds_to_a_role_that_is_always_there() {
    let world = World::create().await;
    world.dag(TEAM).await;
    world.dag(OTHER).await;
    grant(&world, "viewer", "dag.edit", Some("team"), None).await;
    let vera = somebody(&world, "vera", "viewer").await;
    let pause = || Some(json!({"is_paused": true}));
    vera.ask(Method::PATCH, "/dags/team", pause()).await.expect(200);
    vera.ask(Method::PATCH, "/dags/other", pause()).await.refused(403);
    let listed = vera.get("/dags").await.expect(200);
    assert_eq!(listed["total_entries"], 2);
}

#[tokio::test]
async fn bodies_that_name_a_dag_are_kept_to_the_granted_ones() {
    let world = World::create().await;
    let scheduled = "schedule: \"@daily\"\nstart_date: 2026-01-01\ncatchup: false\ntasks:\n  - {id: only, empty: {}}\n";
    world.dag(&format!("dag_id: team\n{scheduled}")).await;
    world.dag(&format!("dag_id: other\n{scheduled}")).await;
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    for permission in ["backfill.read", "backfill.create", "backfill.edit"] {
        grant(&world, "team-a", permission, Some("team"), None).await;
    }
    let ada = somebody(&world, "ada", "team-a").await;
    let body = |dag_id: &str| json!({"dag_id": dag_id, "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-02T00:00:00Z"});
    for path in ["/backfills/dry_run", "/backfills"] {
        ada.post(path, body("other")).await.refused(403);
        ada.post(path, body("team")).await.expect(200);
    }
    let theirs = world.post("/backfills", body("other")).await.expect(200)["id"].clone();
    ada.get(&format!("/backfills/{theirs}")).await.refused(404);
    ada.get(&format!("/backfills/{theirs}/dates")).await.refused(404);
    for verb in ["pause", "unpause", "cancel"] {
        ada.ask(Method::PUT, &format!("/backfills/{theirs}/{verb}"), None).await.refused(403);
    }
    assert_eq!(ada.get("/backfills").await.expect(200)["total_entries"], 1);
}

#[tokio::test]
async fn a_grant_that_would_mean_nothing_is_refused() {
    let world = World::create().await;
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    world.post("/roles", json!({"name": "team-a"})).await.refused(409);
    world.post("/roles", json!({"name": "a b"})).await.refused(400);
    let ask = async |body| world.post("/roles/team-a/grants", body).await;
    ask(json!({"permission": "dag.fly"})).await.refused(400);
    ask(json!({"permission": "pool.edit", "dag_id": "etl"})).await.refused(400);
    ask(json!({"permission": "dag.read", "dag_id": "etl", "tag": "x"})).await.refused(400);
    ask(json!({"permission": "user.edit"})).await.refused(400);
    ask(json!({"permission": "pool.read"})).await.expect(201);
    ask(json!({"permission": "pool.read"})).await.refused(409);
    world.post("/roles/nobody/grants", json!({"permission": "pool.read"})).await.refused(404);
    world.account("ada", "team-a").await;
    assert_eq!(world.delete("/roles/team-a").await.status, 409);
    assert_eq!(world.delete("/roles/viewer").await.status, 400);
    assert_eq!(world.delete("/roles/nobody").await.status, 404);
}

#[tokio::test]
async fn a_personal_token_may_no_more_than_its_owner_may_now() {
    let world = World::create().await;
    let otto = somebody(&world, "otto", "op").await;
    otto.post("/tokens", json!({"name": "too much", "role": "admin"})).await.refused(400);
    let made = otto.post("/tokens", json!({"name": "ci", "role": "user", "days": 7})).await.expect(201);
    otto.post("/tokens", json!({"name": "ci"})).await.refused(409);
    otto.post("/tokens", json!({"name": "for ever", "days": 10_000})).await.refused(400);
    let program = Somebody { world: &world, bearer: format!("Bearer {}", made["token"].as_str().expect("a token")) };
    let pool = || json!({"name": "p", "slots": 1});
    program.get("/dags").await.expect(200);
    program.post("/pools", pool()).await.refused(403);
    otto.post("/pools", pool()).await.expect(201);

    let listed = otto.get("/tokens").await.expect(200);
    assert_eq!(
        (names(&listed, "tokens", "name"), listed["tokens"][0]["last_used_at"].is_string()),
        (vec!["ci".to_owned()], true)
    );
    assert!(!listed.to_string().contains(made["token"].as_str().expect("a token")));

    world.dag(TEAM).await;
    program.post("/dags/team/dagRuns", json!({})).await.expect(200);
    let store = world.store();
    assert!(store.set_role("otto", "viewer", &By::local("test", now())).await.expect("a role"));
    program.get("/dags").await.expect(200);
    program.post("/dags/team/dagRuns", json!({})).await.refused(403);
}

#[tokio::test]
async fn tokens_of_others_are_not_seen_and_only_revoked_by_admins() {
    let world = World::create().await;
    let (ada, bob) = (somebody(&world, "ada", "user").await, somebody(&world, "bob", "user").await);
    let made = ada.post("/tokens", json!({"name": "ci"})).await.expect(201);
    let path = format!("/tokens/{}", made["id"]);
    assert_eq!(bob.get("/tokens").await.expect(200)["total_entries"], 0);
    bob.ask(Method::DELETE, &path, None).await.refused(404);
    let program = Somebody { world: &world, bearer: format!("Bearer {}", made["token"].as_str().expect("a token")) };
    program.get("/dags").await.expect(200);
    assert_eq!(world.delete(&path).await.status, 204);
    program.get("/dags").await.refused(401);
}

#[tokio::test]
async fn what_an_account_presents_dies_with_it() {
    let world = World::create().await;
    let ada = somebody(&world, "ada", "user").await;
    let made = ada.post("/tokens", json!({"name": "ci"})).await.expect(201);
    let program = Somebody { world: &world, bearer: format!("Bearer {}", made["token"].as_str().expect("a token")) };
    let by = By::local("test", now());
    assert!(world.store().set_disabled("ada", true, &by).await.expect("it is disabled"));
    ada.get("/dags").await.refused(401);
    program.get("/dags").await.refused(401);
    let body = json!({"username": "ada", "password": "secret"});
    world.ask(Method::POST, "/auth/token", Some(body), &[]).await.refused(401);
    assert!(world.store().set_disabled("ada", false, &by).await.expect("it is enabled"));
    let again = Somebody { world: &world, bearer: format!("Bearer {}", world.log_in("ada").await) };
    again.get("/dags").await.expect(200);
    assert!(world.store().delete_account("ada", &by).await.expect("it is deleted"));
    again.get("/dags").await.refused(401);
}

#[tokio::test]
async fn who_may_what_is_recorded_without_secrets() {
    let world = World::create().await;
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    grant(&world, "team-a", "dag.read", Some("team"), None).await;
    let made = world.post("/tokens", json!({"name": "ci"})).await.expect(201);
    let guess = json!({"username": "admin", "password": "a guess"});
    world.ask(Method::POST, "/auth/token", Some(guess), &[]).await.refused(401);
    let log = world.get("/eventLogs").await.expect(200);
    let events = names(&log, "event_logs", "event");
    for event in ["post_user", "login", "post_role", "post_grant", "post_token", "login_refused"] {
        assert!(events.iter().any(|known| known == event), "{event}: {events:?}");
    }
    let text = log.to_string();
    assert!(!text.contains("a guess") && !text.contains(made["token"].as_str().expect("a token")), "{text}");
}

#[tokio::test]
async fn no_list_tells_of_a_dag_that_is_not_granted() {
    let world = World::create().await;
    let text = |dag_id: &str| {
        format!(
            "dag_id: {dag_id}\ntags: [tag-of-{dag_id}]\nschedule: \"@daily\"\nstart_date: 2026-01-01\ncatchup: false\n\
             tasks:\n  - {{id: only, empty: {{}}}}\n"
        )
    };
    for dag_id in ["team", "elsewhere"] {
        world.dag(&text(dag_id)).await;
        world.trigger(dag_id, &format!("run-of-{dag_id}")).await;
        let xcom = json!({"key": format!("of-{dag_id}"), "value": 1});
        let path = format!("/dags/{dag_id}/dagRuns/run-of-{dag_id}/taskInstances/only/xcomEntries");
        world.post(&path, xcom).await.expect(201);
        let range = json!({"dag_id": dag_id, "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-02T00:00:00Z"});
        world.post("/backfills", range).await.expect(200);
    }
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    grant_all(&world, "team-a", Some("team"), None).await;
    let bearer = format!("Bearer {}", world.account("ada", "team-a").await);
    let is_list = |route: &&Route| route.method == "GET" || route.path.ends_with("/list");
    let lists = ROUTES.iter().filter(|route| matches!(route.needs, Needs::Dags(_))).filter(is_list);
    let mut told = 0;
    for route in lists {
        let path = route.path.replace("{dag_id}", "~").replace("{dag_run_id}", "~").replace("{task_id}", "~");
        let path = path.replace("{backfill_id}", "2");
        let (method, body) = if route.method == "GET" { (Method::GET, None) } else { (Method::POST, Some(json!({}))) };
        let cookie = format!("flowctl_session={}", world.token_for("ada").await);
        let headers =
            [if path.starts_with("/api/") { ("authorization", bearer.as_str()) } else { ("cookie", cookie.as_str()) }];
        let answer = world.ask(method, &path, body, &headers).await;
        assert!(!answer.text.contains("elsewhere"), "{path}: {}", answer.text);
        told += usize::from(answer.status.is_success() && answer.text.contains("team"));
    }
    assert!(told >= 9, "only {told} lists tell of the DAG that is granted");
}

#[tokio::test]
async fn lists_over_all_dags_are_of_the_dag_the_tag_or_everything_that_is_granted() {
    let world = World::create().await;
    let ada = two_teams(&world).await;
    for (role, tag) in [("by-tag", Some("team-b")), ("by-all", None)] {
        world.post("/roles", json!({"name": role})).await.expect(201);
        grant_all(&world, role, None, tag).await;
    }
    let (bob, eve) = (somebody(&world, "bob", "by-tag").await, somebody(&world, "eve", "by-all").await);
    let runs = |dag_ids: &[&str]| json!({"dag_ids": dag_ids, "order_by": "dag_id"});
    for (who, dag_ids, tags) in [
        (&ada, &["team"][..], &["team-a"][..]),
        (&bob, &["other"][..], &["team-b"][..]),
        (&eve, &["other", "team"][..], &["team-a", "team-b"][..]),
    ] {
        let listed = who.post("/dags/~/dagRuns/list", json!({"order_by": "dag_id"})).await.expect(200);
        assert_eq!(names(&listed, "dag_runs", "dag_id"), dag_ids);
        assert_eq!(listed["total_entries"], dag_ids.len());
        let named = who.post("/dags/~/dagRuns/list", runs(&["team", "other"])).await.expect(200);
        assert_eq!(names(&named, "dag_runs", "dag_id"), dag_ids, "whatever the body names");
        let versions = who.get("/dags/~/dagVersions?order_by=dag_id").await.expect(200);
        assert_eq!(names(&versions, "dag_versions", "dag_id"), dag_ids);
        assert_eq!(versions["total_entries"], dag_ids.len());
        let xcoms = who.get("/dags/~/dagRuns/~/taskInstances/~/xcomEntries?order_by=dag_id").await.expect(200);
        assert_eq!(names(&xcoms, "xcom_entries", "dag_id"), dag_ids);
        let listed = who.get("/dagTags").await.expect(200);
        let listed: Vec<_> = listed["tags"].as_array().expect("tags").iter().map(|tag| tag.as_str()).collect();
        assert_eq!(listed, tags.iter().copied().map(Some).collect::<Vec<_>>());
        let batch = who.post("/dags/~/dagRuns/~/taskInstances/list", json!({"dag_ids": ["team", "other"]})).await;
        let batch = batch.expect(200);
        assert!(names(&batch, "task_instances", "dag_id").iter().all(|dag_id| dag_ids.contains(&dag_id.as_str())));
    }
    // What the query names is not told either.
    let empty = async |path: &str| assert_eq!(ada.get(path).await.expect(200)["total_entries"], 0, "{path}");
    empty("/dags?dag_id_pattern=other").await;
    empty("/dags/~/dagRuns?dag_id_pattern=other").await;
    empty("/dags/~/dagRuns/~/taskInstances?dag_id_prefix_pattern=other").await;
    empty("/dags/~/dagRuns/~/hitlDetails?dag_id_pattern=other").await;
    empty("/dags/~/dagRuns/~/taskInstances/~/xcomEntries?xcom_key=key-of-other").await;
    empty("/dagStats?dag_ids=other").await;
    empty("/dagTags?tag_name_pattern=team-b").await;
    empty("/backfills?dag_id=other").await;
    // A DAG that the path names is granted or refused.
    ada.get("/dags/team/dagVersions").await.expect(200);
    ada.get("/dags/other/dagVersions").await.refused(403);
    ada.get("/dags/other/dagRuns/theirs/taskInstances/~/xcomEntries").await.refused(403);
    ada.get("/dags/other/dagRuns/~/taskInstances/~/xcomEntries").await.refused(403);
    ada.post("/dags/other/dagRuns/list", json!({})).await.refused(403);
    let nobody = somebody(&world, "nora", "viewer").await;
    nobody.ask(Method::PATCH, "/dags/~/dagRuns", Some(json!({"actions": []}))).await.refused(403);
}

fn errors(answer: &Value, action: &str) -> Vec<u64> {
    let errors = answer[action]["errors"].as_array().expect("errors").iter();
    errors.map(|error| error["status_code"].as_u64().expect("a status")).collect()
}

#[tokio::test]
async fn runs_of_a_dag_that_is_not_granted_are_refused_one_by_one_and_stay_as_they_are() {
    let world = World::create().await;
    let ada = two_teams(&world).await;
    let theirs = world.get("/dags/other/dagRuns/theirs").await.expect(200);
    let run =
        |dag_id: &str, run_id: &str| json!({"dag_id": dag_id, "dag_run_id": run_id, "state": "failed", "note": "x"});
    let both = [run("other", "theirs"), run("team", "mine")];
    let update = json!({"actions": [{"action": "update", "entities": both}]});
    let done = ada.ask(Method::PATCH, "/dags/~/dagRuns", Some(update.clone())).await.expect(200);
    assert_eq!((errors(&done, "update"), &done["update"]["success"]), (vec![403], &json!(["team.mine"])));
    // Under the name of a DAG that is granted it is not to be had either; nor is it told whether a run exists.
    let done = ada.ask(Method::PATCH, "/dags/team/dagRuns", Some(update)).await.expect(200);
    assert_eq!((errors(&done, "update"), &done["update"]["success"]), (vec![400], &json!(["team.mine"])));
    let unknown = json!({"actions": [{"action": "update", "entities": [run("other", "none")]}]});
    let done = ada.ask(Method::PATCH, "/dags/~/dagRuns", Some(unknown)).await.expect(200);
    assert_eq!(errors(&done, "update"), [403]);
    let delete = json!({"actions": [{"action": "delete", "entities": [run("other", "theirs")]}]});
    for (path, status) in [("/dags/~/dagRuns", 403), ("/dags/team/dagRuns", 400)] {
        let done = ada.ask(Method::PATCH, path, Some(delete.clone())).await.expect(200);
        assert_eq!((errors(&done, "delete"), &done["delete"]["success"]), (vec![status], &json!([])));
    }
    for body in [json!({"dag_runs": both}), json!({"dag_runs": [run("other", "theirs")], "dry_run": false})] {
        let runs: Vec<_> = body["dag_runs"]
            .as_array()
            .expect("runs")
            .iter()
            .map(|run| json!({"dag_id": run["dag_id"], "dag_run_id": run["dag_run_id"]}))
            .collect();
        let body = json!({"dag_runs": runs, "dry_run": body.get("dry_run").cloned().unwrap_or(json!(true))});
        ada.post("/dags/~/clearDagRuns", body.clone()).await.refused(403);
        ada.post("/dags/team/clearDagRuns", body).await.refused(400);
    }
    let mine = json!({"dag_runs": [{"dag_id": "team", "dag_run_id": "mine"}]});
    ada.post("/dags/~/clearDagRuns", mine).await.expect(200);
    ada.post("/dags/team/clearTaskInstances", json!({"dag_run_id": "theirs", "dry_run": false})).await.refused(404);
    ada.ask(Method::PATCH, "/dags/team/dagRuns/theirs", Some(json!({"state": "failed"}))).await.refused(404);
    assert_eq!(world.get("/dags/other/dagRuns/theirs").await.expect(200), theirs);
    assert_eq!(world.get("/dags/team/dagRuns/mine").await.expect(200)["state"], "failed");

    // Without the right to delete, nothing of the whole request is done.
    world.delete("/roles/team-a/grants?permission=dag_run.delete&dag_id=team").await;
    let mixed = json!({"actions": [
        {"action": "update", "entities": [{"dag_id": "team", "dag_run_id": "mine", "note": "changed"}]},
        {"action": "delete", "entities": [{"dag_id": "team", "dag_run_id": "mine"}]},
    ]});
    for path in ["/dags/~/dagRuns", "/dags/team/dagRuns"] {
        ada.ask(Method::PATCH, path, Some(mixed.clone())).await.refused(403);
    }
    assert_eq!(world.get("/dags/team/dagRuns/mine").await.expect(200)["note"], "x");
}

#[tokio::test]
async fn task_instances_of_a_dag_that_is_not_granted_are_refused_one_by_one_and_stay_as_they_are() {
    let mut world = World::create().await;
    world.schedule();
    for text in [TEAM, OTHER] {
        world.dag(text).await;
    }
    for (dag_id, run_id) in [("team", "mine"), ("other", "theirs")] {
        world.trigger(dag_id, run_id).await;
        world.until(&format!("/dags/{dag_id}/dagRuns/{run_id}"), |run| run["state"] == "success").await;
    }
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    for permission in ["dag_run.read", "task_instance.read", "task_instance.edit"] {
        grant(&world, "team-a", permission, Some("team"), None).await;
    }
    let ada = somebody(&world, "ada", "team-a").await;
    let entity = |dag_id: &str, run_id: &str| json!({"dag_id": dag_id, "dag_run_id": run_id, "task_id": "only"});
    let marked = |dag_id: &str, run_id: &str| {
        let mut entity = entity(dag_id, run_id);
        entity["new_state"] = json!("failed");
        entity
    };
    let both = [marked("other", "theirs"), marked("team", "mine")];
    let update = json!({"actions": [{"action": "update", "entities": both}]});
    let path = "/dags/~/dagRuns/~/taskInstances";
    let done = ada.ask(Method::PATCH, path, Some(update.clone())).await.expect(200);
    assert_eq!((errors(&done, "update"), &done["update"]["success"]), (vec![403], &json!(["team.mine.only[-1]"])));
    let done = ada.ask(Method::PATCH, "/dags/team/dagRuns/~/taskInstances", Some(update)).await.expect(200);
    assert_eq!(errors(&done, "update")[0], 400);
    let delete =
        |dag_id: &str, run_id: &str| json!({"actions": [{"action": "delete", "entities": [entity(dag_id, run_id)]}]});
    ada.ask(Method::PATCH, path, Some(delete("team", "mine"))).await.refused(403);
    grant(&world, "team-a", "task_instance.delete", Some("team"), None).await;
    let done = ada.ask(Method::PATCH, path, Some(delete("other", "theirs"))).await.expect(200);
    assert_eq!((errors(&done, "delete"), &done["delete"]["success"]), (vec![403], &json!([])));
    // What has been marked lets the run go on to its end again.
    world.until("/dags/team/dagRuns/mine", |run| run["state"] == "failed").await;
    let own = "/dags/team/dagRuns/mine/taskInstances";
    let done = ada.ask(Method::PATCH, own, Some(delete("team", "mine"))).await.expect(200);
    assert_eq!(done["delete"]["success"], json!(["team.mine.only[-1]"]), "{done}");
    let theirs = world.get("/dags/other/dagRuns/theirs/taskInstances/only").await.expect(200);
    assert_eq!(theirs["state"], "success");
    world.stop().await;
}

#[tokio::test]
async fn who_may_edit_pools_variables_and_connections_neither_creates_nor_deletes_them() {
    let world = World::create().await;
    world.post("/roles", json!({"name": "keeper"})).await.expect(201);
    for kind in ["pool", "variable", "connection"] {
        for verb in ["read", "edit"] {
            grant(&world, "keeper", &format!("{kind}.{verb}"), None, None).await;
        }
    }
    let ada = somebody(&world, "ada", "keeper").await;
    let kinds = [
        ("/pools", "name", json!({"slots": 2}), "slots=2&include_deferred=false"),
        ("/variables", "key", json!({"value": "x"}), "value=x&description="),
        ("/connections", "connection_id", json!({"conn_type": "http"}), CONNECTION),
    ];
    let session = format!("flowctl_session={}", ada.bearer.trim_start_matches("Bearer "));
    for (path, name, fields, form) in kinds {
        let entity = |value: &str| {
            let mut entity = fields.clone();
            entity[name] = json!(value);
            entity
        };
        world.post(path, entity("there")).await.expect(201);
        let actions = json!({"actions": [
            {"action": "create", "entities": [entity("new")]},
            {"action": "create", "entities": [entity("there")], "action_on_existence": "overwrite"},
            {"action": "update", "entities": [entity("there")]},
            {"action": "delete", "entities": ["there"]},
        ]});
        let done = ada.ask(Method::PATCH, path, Some(actions)).await.expect(200);
        assert_eq!((errors(&done, "create"), &done["create"]["success"]), (vec![403], &json!(["there"])), "{done}");
        assert_eq!(done["update"]["success"], json!(["there"]), "{done}");
        assert_eq!((errors(&done, "delete"), &done["delete"]["success"]), (vec![403], &json!([])), "{done}");
        let field = if name == "connection_id" { "id" } else { name };
        let of_form = |value: &str, is_new: bool| format!("is_new={is_new}&{field}={value}&{form}");
        assert_eq!(world.submit(path, &session, &of_form("new", true)).await.status, 403, "{path}");
        assert_eq!(world.submit(path, &session, &of_form("there", false)).await.status, 303, "{path}");
        world.get(&format!("{path}/new")).await.refused(404);
        let page = world.ask(Method::GET, path, None, &[("cookie", &session)]).await.text;
        let refused = format!("<button disabled title=\"ada has the role `keeper` and may not create {}", &path[1..]);
        assert!(page.contains(&refused), "{page}");
        assert!(!page.contains(&format!("href=\"{path}?edit=\"")), "{page}");
        assert!(page.contains(&format!("href=\"{path}?edit=there\"")), "{page}");
    }
}

#[tokio::test]
async fn what_is_named_in_no_path_changes_only_what_is_granted() {
    let world = World::create().await;
    let ada = two_teams(&world).await;
    let pause = Some(json!({"is_paused": true}));
    let changed = ada.ask(Method::PATCH, "/dags?dag_id_pattern=~", pause.clone()).await.expect(200);
    assert_eq!(names(&changed, "dags", "dag_id"), ["team"]);
    let changed = ada.ask(Method::PATCH, "/dags?dag_id_pattern=other", pause).await.expect(200);
    assert_eq!(changed["total_entries"], 0);
    assert_eq!(world.get("/dags/other").await.expect(200)["is_paused"], false);
    for path in ["/dags/other/favorite", "/dags/other/unfavorite", "/dags/other/dagRuns/theirs/cancel"] {
        ada.post(path, json!({})).await.refused(403);
    }
    for path in ["/dagSources/other", "/dags/other/diff", "/dags/other/skipNext", "/dags/other/dagRuns/theirs/waiting"]
    {
        ada.get(path).await.refused(403);
    }
    let answer = Some(json!({"chosen_options": ["Approve"]}));
    let asked = "/dags/other/dagRuns/theirs/taskInstances/only/-1/hitlDetails";
    ada.ask(Method::PATCH, asked, answer).await.refused(403);
    // Who makes an asset is not told to those who may not see it.
    let maker = "dag_id: maker\ntags: [team-b]\nassets: [{uri: s3://a, name: a}]\ntasks: [{id: make, empty: {}, outlets: [a]}]\n";
    world.dag(maker).await;
    let id = world.get("/assets").await.expect(200)["assets"][0]["id"].clone();
    let refused = ada.post(&format!("/assets/{id}/materialize"), json!({})).await.refused(403);
    assert!(!refused.to_string().contains("maker"), "{refused}");
    grant(&world, "team-a", "dag_run.create", Some("maker"), None).await;
    ada.post(&format!("/assets/{id}/materialize"), json!({})).await.expect(200);
}

#[tokio::test]
async fn the_updates_that_a_run_took_name_no_runs_of_dags_that_are_not_granted() {
    let mut world = World::create().await;
    world.schedule();
    for dag_id in ["team", "other"] {
        world
            .dag(&format!("dag_id: {dag_id}\nschedule: {{assets: [s3://a]}}\ntasks: [{{id: take, empty: {{}}}}]\n"))
            .await;
    }
    let id = world.get("/assets").await.expect(200)["assets"][0]["id"].clone();
    world.post("/assets/events", json!({"asset_id": id})).await.expect(200);
    let of = async |dag_id: &str| {
        let path = format!("/dags/{dag_id}/dagRuns");
        world.until(&path, |runs| runs["dag_runs"][0]["state"] == "success").await["dag_runs"][0]["dag_run_id"].clone()
    };
    let run_id = of("team").await;
    of("other").await;
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    grant(&world, "team-a", "dag_run.read", Some("team"), None).await;
    let ada = somebody(&world, "ada", "team-a").await;
    let path = format!("/dags/team/dagRuns/{}/upstreamAssetEvents", run_id.as_str().expect("a name"));
    let runs = |events: &Value| names(&events["asset_events"][0], "created_dagruns", "dag_id");
    assert_eq!(runs(&ada.get(&path).await.expect(200)), ["team"]);
    assert_eq!(runs(&world.get(&path).await.expect(200)).len(), 2);
    world.stop().await;
}

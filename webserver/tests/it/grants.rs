//! Roles of one's own, grants for DAGs and tags, and personal tokens.

use axum::http::Method;
use serde_json::{Value, json};
use store::event_log::By;

use webserver::access::{Needs, ROUTES};

use crate::world::{Answer, World, now};

const TEAM: &str = "dag_id: team\ntags: [team-a]\ntasks:\n  - {id: only, empty: {}}\n";
const OTHER: &str = "dag_id: other\ntags: [team-b]\ntasks:\n  - {id: only, empty: {}}\n";

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
    // Lists that cannot be kept to some DAGs are refused as a whole.
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
    ada.ask(Method::PUT, &format!("/backfills/{theirs}/cancel"), None).await.refused(403);
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
        let range = json!({"dag_id": dag_id, "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-02T00:00:00Z"});
        world.post("/backfills", range).await.expect(200);
    }
    world.post("/roles", json!({"name": "team-a"})).await.expect(201);
    for permission in webserver::access::Permission::ALL.iter().filter(|permission| permission.is_of_dags()) {
        grant(&world, "team-a", permission.as_str(), Some("team"), None).await;
    }
    let bearer = format!("Bearer {}", world.account("ada", "team-a").await);
    let lists = ROUTES.iter().filter(|route| route.method == "GET" && matches!(route.needs, Needs::Dags(_)));
    let mut told = 0;
    for route in lists {
        let path = route.path.replace("{dag_id}", "~").replace("{dag_run_id}", "~").replace("{backfill_id}", "2");
        let cookie = format!("flowctl_session={}", world.token_for("ada").await);
        let headers =
            [if path.starts_with("/api/") { ("authorization", bearer.as_str()) } else { ("cookie", cookie.as_str()) }];
        let answer = world.ask(Method::GET, &path, None, &headers).await;
        assert!(!answer.text.contains("elsewhere"), "{path}: {}", answer.text);
        told += usize::from(answer.status.is_success() && answer.text.contains("team"));
    }
    assert!(told >= 5, "only {told} lists tell of the DAG that is granted");
}

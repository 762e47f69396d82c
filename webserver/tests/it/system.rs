//! What the deployment is made of: processes, settings, what is built in.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

async fn services(world: &World) {
    world
        .database
        .execute(
            "INSERT INTO service (id, kind, hostname, pid, parts, started_at, heartbeat_at, stopped_at) VALUES
             (gen_random_uuid(), 'scheduler', 'a', 1, '{scheduler,triggerer,dag_processor}', '2026-01-01', now(), NULL),
             (gen_random_uuid(), 'scheduler', 'b', 2, '{scheduler,triggerer}', '2026-01-02', '2026-01-02', NULL),
             (gen_random_uuid(), 'dag_processor', 'c', 3, '{dag_processor}', '2026-01-03', now(), '2026-01-04')",
        )
        .await;
}

fn jobs(page: &Value) -> Vec<String> {
    let text = |job: &Value, field: &str| job[field].as_str().expect("a text").to_owned();
    let jobs = page["jobs"].as_array().expect("a list").iter();
    jobs.map(|job| format!("{} {} {}", text(job, "hostname"), text(job, "job_type"), text(job, "state"))).collect()
}

#[tokio::test]
async fn processes_are_listed_as_airflows_jobs() {
    let world = World::create().await;
    services(&world).await;
    let all = [
        "a SchedulerJob running",
        "a TriggererJob running",
        "a DagProcessorJob running",
        "b SchedulerJob failed",
        "b TriggererJob failed",
        "c DagProcessorJob success",
    ];
    let cases: [(&str, &[usize]); 9] = [
        ("", &[0, 1, 2, 3, 4, 5]),
        ("?job_type=SchedulerJob", &[0, 3]),
        ("?job_state=failed&job_type=TriggererJob", &[4]),
        ("?hostname=c", &[5]),
        ("?executor_class=LocalExecutor&order_by=-hostname", &[3, 0]),
        ("?is_alive=true", &[0, 1, 2]),
        ("?is_alive=false&limit=1", &[3]),
        ("?start_date_gte=2026-01-02&start_date_lt=2026-01-03", &[3, 4]),
        ("?end_date_lte=2026-01-04", &[5]),
    ];
    for (query, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|place| all[*place]).collect();
        assert_eq!(jobs(&world.get(&format!("/jobs{query}")).await.expect(200)), expected, "{query}");
    }
    assert_eq!(world.get("/jobs?limit=2&job_state=running").await.expect(200)["total_entries"], 3);
    let ids: Vec<_> = world.get("/jobs").await.expect(200)["jobs"].as_array().expect("a list").clone();
    let mut ids: Vec<_> = ids.iter().map(|job| job["id"].as_i64().expect("a number")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 6, "each has a number of its own");
    for field in ["id", "dag_id", "state", "job_type", "start_date", "end_date", "latest_heartbeat", "unixname"] {
        world.get(&format!("/jobs?order_by=-{field}")).await.expect(200);
    }
    world.get("/jobs?order_by=pid").await.refused(400);
}

#[tokio::test]
async fn each_component_is_healthy_by_its_own_heartbeat() {
    let world = World::create().await;
    let health = world.get("/monitor/health").await.expect(200);
    let states = |health: &Value| {
        ["metadatabase", "scheduler", "triggerer", "dag_processor"].map(|part| health[part]["status"].clone())
    };
    assert_eq!(states(&health), ["healthy", "unhealthy", "unhealthy", "unhealthy"]);
    services(&world).await;
    let health = world.get("/monitor/health").await.expect(200);
    assert_eq!(states(&health), ["healthy", "unhealthy", "unhealthy", "healthy"], "nobody leads");
    assert!(health["dag_processor"]["latest_dag_processor_heartbeat"].is_string());
    world
        .database
        .execute("UPDATE service SET stopped_at = now(); UPDATE leader_lease SET expires_at = 'infinity'")
        .await;
    let health = world.get("/monitor/health").await.expect(200);
    assert_eq!(states(&health), ["healthy", "healthy", "healthy", "unhealthy"]);
}

#[tokio::test]
async fn settings_are_shown_by_section_as_json_or_text_and_secrets_are_not() {
    let world = World::create().await;
    let all = world.get("/config").await.expect(200);
    let core = json!({"name": "core", "options": [
        {"key": "parallelism", "value": "32"}, {"key": "dags_folder", "value": "/dags"}]});
    let database = json!({"name": "database", "options": [{"key": "url", "value": "< hidden >"}]});
    assert_eq!(all, json!({"sections": [core, database]}));
    assert_eq!(world.get("/config?section=core").await.expect(200), json!({"sections": [core]}));
    assert_eq!(world.get("/config?section=smtp").await.refused(404), "Section smtp not found.");
    let text = world.get_as("/config", "text/plain").await;
    assert_eq!(text.text, "[core]\nparallelism = 32\ndags_folder = /dags\n\n[database]\nurl = < hidden >\n");
    let one = world.get("/config/section/core/option/parallelism").await.expect(200);
    assert_eq!(one, json!({"sections": [{"name": "core", "options": [{"key": "parallelism", "value": "32"}]}]}));
    let text = world.get_as("/config/section/core/option/parallelism", "text/plain").await;
    assert_eq!(text.text, "[core]\nparallelism = 32\n");
    assert_eq!(world.get("/config/section/core/option/no").await.refused(404), "Option [core/no] not found.");
    world.get_as("/config", "text/html").await.refused(406);
    let user = format!("Bearer {}", world.account("bob", "user").await);
    for path in ["/config", "/config/section/core/option/parallelism"] {
        let path = format!("/api/v2{path}");
        world.ask(Method::GET, &path, None, &[("authorization", &user)]).await.refused(403);
    }
}

#[tokio::test]
async fn what_is_built_in_is_one_provider_and_no_plugin() {
    let world = World::create().await;
    assert_eq!(world.get("/plugins").await.expect(200), json!({"plugins": [], "total_entries": 0}));
    assert_eq!(world.get("/plugins/importErrors").await.expect(200), json!({"import_errors": [], "total_entries": 0}));
    let providers = world.get("/providers").await.expect(200);
    assert_eq!((&providers["total_entries"], &providers["providers"][0]["version"]), (&json!(1), &json!("1.2.3")));
    assert_eq!(world.get("/providers?offset=1").await.expect(200), json!({"providers": [], "total_entries": 1}));
    world.get("/plugins?limit=x").await.refused(422);
}

#[tokio::test]
async fn a_browser_is_led_to_the_login_and_logged_out() {
    let world = World::create().await;
    let ask = async |path: &str, cookie: &str| {
        let path = format!("/api/v2/auth{path}");
        world.ask(Method::GET, &path, None, &[("cookie", cookie)]).await
    };
    let login = ask("/login?next=/dags/x%3Ftab=grid", "").await;
    assert_eq!(
        (login.status.as_u16(), &login.headers["location"]),
        (307, &"/login?next=%2Fdags%2Fx%3Ftab%3Dgrid".parse().expect("a header"))
    );
    assert_eq!(ask("/login", "").await.headers["location"], "/login");
    ask("/login?next=https://evil", "").await.refused(400);
    ask("/login?next=//evil", "").await.refused(400);
    let token = world.log_in("admin").await;
    let cookie = format!("flowctl_session={token}");
    let logout = ask("/logout", &cookie).await;
    assert_eq!((logout.status.as_u16(), &logout.headers["location"]), (307, &"/login".parse().expect("a header")));
    assert!(logout.headers["set-cookie"].to_str().expect("text").starts_with("flowctl_session=;"));
    let bearer = format!("Bearer {token}");
    world.ask(Method::GET, "/api/v2/dags", None, &[("authorization", &bearer)]).await.refused(401);
}

#[tokio::test]
async fn what_flowctl_has_not_says_what_to_use_instead() {
    let world = World::create().await;
    for path in ["/assets/aliases", "/assets/aliases/1", "/connections/enqueue-test"] {
        assert!(world.get(path).await.refused(501).is_string(), "{path}");
    }
    let said = world.post("/connections/enqueue-test", json!({"connection_id": "x"})).await.refused(501);
    assert!(said.as_str().is_some_and(|text| text.contains("POST /connections/test")));
    let said = world.post("/dags/etl/clearPartitions", json!({"run_id": "x"})).await.refused(501);
    assert!(said.as_str().is_some_and(|text| text.contains("clearDagRuns")));
}

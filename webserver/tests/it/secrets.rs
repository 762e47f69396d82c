//! Variables and connections: as Airflow's clients ask for them, and what nobody gets to see.

use axum::http::Method;
use serde_json::{Value, json};
use store::testing::tester;

use crate::world::{Answer, World};

async fn delete(world: &World, path: &str) -> Answer {
    let token = world.log_in("admin").await;
    let bearer = format!("Bearer {token}");
    world.ask(Method::DELETE, &format!("/api/v2{path}"), None, &[("authorization", &bearer)]).await
}

fn names<'v>(page: &'v Value, list: &str, name: &str) -> Vec<&'v str> {
    page[list].as_array().expect("a list").iter().filter_map(|entry| entry[name].as_str()).collect()
}

#[tokio::test]
async fn a_variable_is_created_changed_and_deleted_in_airflows_words() {
    let world = World::create().await;
    let body = json!({"key": "colour", "value": "green", "description": "of the walls", "team_name": null});
    let created = world.post("/variables", body.clone()).await.expect(201);
    let expected = json!({
        "key": "colour", "value": "green", "description": "of the walls", "is_encrypted": true, "team_name": null,
    });
    assert_eq!(created, expected);
    assert_eq!(world.post("/variables", body).await.refused(409), "The Variable with key: `colour` already exists");
    let patch = json!({"key": "colour", "value": "red", "description": null});
    let patched = world.patch("/variables/colour?update_mask=value", patch.clone()).await.expect(200);
    assert_eq!((&patched["value"], &patched["description"]), (&json!("red"), &json!("of the walls")));
    let patched = world.patch("/variables/colour", patch.clone()).await.expect(200);
    assert_eq!(patched["description"], Value::Null);
    assert_eq!(
        world.patch("/variables/other", patch).await.refused(400),
        "Invalid body, key from request body doesn't match uri parameter"
    );
    let numbers = json!({"key": "limits", "value": {"rows": [1, 2]}});
    assert_eq!(world.post("/variables", numbers).await.expect(201)["value"], "{\n  \"rows\": [\n    1,\n    2\n  ]\n}");
    world.post("/variables", json!({"key": "a/b", "value": "path"})).await.expect(201);
    assert_eq!(world.get("/variables/a%2Fb").await.expect(200)["value"], "path");
    assert_eq!(delete(&world, "/variables/colour").await.status, 204);
    assert_eq!(world.get("/variables/colour").await.refused(404), "The Variable with key: `colour` was not found");
    assert_eq!(delete(&world, "/variables/colour").await.status, 404);
    assert_eq!(world.post("/variables", json!({"key": "x"})).await.refused(422)[0]["loc"], json!(["body", "value"]));
    world.post("/variables", json!({"key": "", "value": "x"})).await.refused(422);
    let tokens = world.database.number("SELECT count(*) FROM variable WHERE value LIKE 'gAAAAA%'").await;
    assert_eq!(tokens, 2, "what is stored is encrypted");
}

#[tokio::test]
async fn variables_are_found_by_name_and_ordered() {
    let world = World::create().await;
    for key in ["b_one", "a_two", "c_one"] {
        world.post("/variables", json!({"key": key, "value": key})).await.expect(201);
    }
    let page = world.get("/variables?order_by=-key&limit=2").await.expect(200);
    assert_eq!((names(&page, "variables", "key"), &page["total_entries"]), (vec!["c_one", "b_one"], &json!(3)));
    let page = world.get("/variables?variable_key_pattern=%25one%25").await.expect(200);
    assert_eq!(names(&page, "variables", "key"), ["b_one", "c_one"]);
    let page = world.get("/variables?variable_key_prefix_pattern=a_").await.expect(200);
    assert_eq!(names(&page, "variables", "key"), ["a_two"]);
    world.get("/variables?order_by=colour").await.refused(400);
}

#[tokio::test]
async fn what_is_secret_is_shown_as_stars_and_stays_what_it_was_when_it_comes_back() {
    let world = World::create().await;
    world.post("/variables", json!({"key": "deploy_token", "value": "hunter2"})).await.expect(201);
    let api = json!({"key": "api", "value": r#"{"url": "u", "secret": "hunter2"}"#});
    assert_eq!(world.post("/variables", api).await.expect(201)["value"], r#"{"url": "u", "secret": "***"}"#);
    let sent = json!({"key": "deploy_token", "value": "***", "description": "for deploys"});
    let patched = world.patch("/variables/deploy_token", sent).await.expect(200);
    assert_eq!((&patched["value"], &patched["description"]), (&json!("***"), &json!("for deploys")));
    let sent = json!({"key": "api", "value": r#"{"url": "v", "secret": "***"}"#});
    world.patch("/variables/api", sent).await.expect(200);
    let store = world.database.store();
    assert_eq!(store.variable("deploy_token").await.expect("a row").as_deref(), Some("hunter2"));
    assert_eq!(store.variable("api").await.expect("a row").as_deref(), Some(r#"{"url": "v", "secret": "hunter2"}"#));

    let body = json!({
        "connection_id": "api", "conn_type": "http", "host": "h", "password": "hunter2",
        "extra": r#"{"api_key": "hunter2", "timeout": 5}"#,
    });
    world.post("/connections", body).await.expect(201);
    let shown = world.get("/connections/api").await;
    assert!(!shown.text.contains("hunter2"), "{}", shown.text);
    let shown = shown.expect(200);
    assert_eq!(shown["extra"], r#"{"api_key": "***", "timeout": 5}"#);
    let sent = json!({
        "connection_id": "api", "conn_type": "http", "host": "new", "password": "***", "extra": shown["extra"],
    });
    world.patch("/connections/api", sent).await.expect(200);
    let connection = store.connection("api").await.expect("a row").expect("it");
    assert_eq!((connection.host.as_deref(), connection.password.as_deref()), (Some("new"), Some("hunter2")));
    assert_eq!(connection.extra_object()["api_key"], "hunter2");
    assert!(!world.get("/connections").await.text.contains("hunter2"));
    assert!(!world.get("/variables").await.text.contains("hunter2"));
}

#[tokio::test]
async fn a_connection_is_created_changed_and_deleted_in_airflows_words() {
    let world = World::create().await;
    let body = json!({
        "connection_id": "warehouse", "conn_type": "postgres", "description": "the one", "host": "db", "login": "ada",
        "schema": "sales", "port": 5432, "password": "hunter2", "extra": r#"{"sslmode": "require"}"#, "team_name": null,
    });
    let created = world.post("/connections", body.clone()).await.expect(201);
    let mut expected = body.clone();
    expected["password"] = json!("***");
    assert_eq!(created, expected);
    assert_eq!(world.post("/connections", body).await.refused(409)["reason"], "Unique constraint violation");
    let patch = json!({"connection_id": "warehouse", "conn_type": "postgres", "host": "db2", "port": null});
    let patched = world.patch("/connections/warehouse?update_mask=host", patch.clone()).await.expect(200);
    assert_eq!((&patched["host"], &patched["port"]), (&json!("db2"), &json!(5432)));
    let patched = world.patch("/connections/warehouse", patch.clone()).await.expect(200);
    assert_eq!((&patched["port"], &patched["login"]), (&Value::Null, &json!("ada")), "what is absent stays");
    world.patch("/connections/warehouse?update_mask=colour", patch.clone()).await.refused(400);
    world.patch("/connections/other", patch).await.refused(400);
    for (wrong, place) in [
        (json!({"connection_id": "a b", "conn_type": "http"}), json!(["body"])),
        (json!({"connection_id": "a", "conn_type": ""}), json!(["body"])),
        (json!({"connection_id": "a", "conn_type": "http", "extra": "no"}), json!(["body", "extra"])),
        (json!({"connection_id": "a", "conn_type": "http", "port": 70000}), json!(["body", "port"])),
    ] {
        assert_eq!(world.post("/connections", wrong.clone()).await.refused(422)[0]["loc"], place, "{wrong}");
    }
    assert_eq!(delete(&world, "/connections/warehouse").await.status, 204);
    assert_eq!(
        world.get("/connections/warehouse").await.refused(404),
        "The Connection with connection_id: `warehouse` was not found"
    );
}

#[tokio::test]
async fn several_change_in_one_request() {
    let world = World::create().await;
    world.post("/variables", json!({"key": "old", "value": "1", "description": "d"})).await.expect(201);
    let body = json!({"actions": [
        {"action": "create", "entities": [{"key": "a", "value": "1"}, {"key": "old", "value": "2"}], "action_on_existence": "overwrite"},
        {"action": "create", "entities": [{"key": "b", "value": "1"}, {"key": "a", "value": "9"}]},
        {"action": "update", "entities": [{"key": "a", "value": "3"}]},
        {"action": "delete", "entities": ["ghost"], "action_on_non_existence": "skip"},
    ]});
    let done = world.patch("/variables", body).await.expect(200);
    assert_eq!(done["create"]["success"], json!(["a", "old"]));
    assert_eq!(done["create"]["errors"][0]["status_code"], 409);
    assert_eq!((&done["update"]["success"], &done["delete"]["success"]), (&json!(["a"]), &json!([])));
    let page = world.get("/variables?order_by=key").await.expect(200);
    let values: Vec<_> = page["variables"].as_array().expect("a list").iter().map(|v| &v["value"]).collect();
    assert_eq!((values, &page["variables"][1]["description"]), (vec![&json!("3"), &json!("2")], &Value::Null));

    let body = json!({"actions": [
        {"action": "create", "entities": [{"connection_id": "a", "conn_type": "http", "host": "h", "password": "p"}]},
        {"action": "update", "entities": [{"connection_id": "a", "conn_type": "http", "host": "i"}], "update_mask": ["host"]},
        {"action": "delete", "entities": ["ghost"]},
    ]});
    let done = world.patch("/connections", body).await.expect(200);
    assert_eq!(
        done["delete"]["errors"][0]["error"],
        "The connections with these connection_ids: [\"ghost\"] were not found."
    );
    let connection = world.database.store().connection("a").await.expect("a row").expect("it");
    assert_eq!((connection.host.as_deref(), connection.password.as_deref()), (Some("i"), Some("p")));
}

#[tokio::test]
async fn a_connection_is_tried_with_what_is_stored_of_it() {
    let world = World::create().await;
    let options = world.database.store().pool().connect_options();
    let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
    let body = json!({
        "connection_id": "here", "conn_type": "postgres", "host": host, "port": options.get_port(),
        "login": options.get_username(), "schema": options.get_database(), "password": "hunter2",
    });
    world.post("/connections", body).await.expect(201);
    let tested = world.post("/connections/test", json!({"connection_id": "here", "conn_type": "postgres"})).await;
    let tested = tested.expect(200);
    assert_eq!(tested["status"], true, "{tested}");
    assert!(tested["message"].as_str().expect("a text").starts_with("connected to PostgreSQL "), "{tested}");
    let tested = world.post("/connections/test", json!({"connection_id": "new", "conn_type": "ftp"})).await.expect(200);
    assert_eq!(
        tested,
        json!({"status": false, "message": "connections of type `ftp` cannot be tried; `postgres` and `http` can"})
    );
    let defaults = world.post("/connections/defaults", json!({})).await;
    assert_eq!(defaults.status.as_u16(), 204);
}

#[tokio::test]
async fn only_ops_and_admins_see_and_change_them() {
    let world = World::create().await;
    world.post("/variables", json!({"key": "a", "value": "1"})).await.expect(201);
    for (role, allowed) in [("viewer", false), ("user", false), ("op", true)] {
        let bearer = format!("Bearer {}", world.account(role, role).await);
        for path in ["/variables", "/variables/a", "/connections"] {
            let answer = world.ask(Method::GET, &format!("/api/v2{path}"), None, &[("authorization", &bearer)]).await;
            assert_eq!(answer.status.as_u16(), if allowed { 200 } else { 403 }, "{role} {path}");
        }
        let body = json!({"connection_id": role, "conn_type": "http"});
        let answer = world.ask(Method::POST, "/api/v2/connections", Some(body), &[("authorization", &bearer)]).await;
        assert_eq!(answer.status.as_u16(), if allowed { 201 } else { 403 }, "{role}");
    }
}

#[tokio::test]
async fn a_value_that_no_key_decrypts_hides_no_other() {
    let world = World::create().await;
    let other = store::Keyring::generate().parse().expect("a key");
    let lost = world.database.store().clone().with_keys(other);
    let new = store::variable::NewVariable { key: "lost".to_owned(), value: "x".to_owned(), description: None };
    lost.create_variable(&new, &tester()).await.expect("a row");
    world.post("/variables", json!({"key": "good", "value": "1"})).await.expect(201);
    let page = world.get("/variables?order_by=key").await.expect(200);
    assert_eq!((&page["variables"][0]["value"], &page["variables"][1]["value"]), (&json!("1"), &Value::Null));
    assert_eq!(world.get("/variables/lost").await.expect(200)["value"], Value::Null);
    world.patch("/variables/lost", json!({"key": "lost", "value": "2"})).await.expect(200);
    assert_eq!(world.get("/variables/lost").await.expect(200)["value"], "2", "a new value is read again");
}

const DAG: &str = r#"
dag_id: secretive
tasks:
  - id: bash
    env: {TOKEN: "{{ var.value.deploy_token }}", URI: "{{ conn.warehouse.get_uri() }}"}
    bash: |
      echo "token $TOKEN"
      printf 'in two %s' "${TOKEN:0:4}"; sleep 0.1; echo "${TOKEN:4}"
      echo "$URI" >&2
      head -c 65530 /dev/zero | tr '\0' x; echo "$TOKEN"
      echo "{{ conn.warehouse.host }} {{ var.json.plan.steps[0] }} {{ var.value.get('nosuch', 'fallback') }}"
  - id: python
    python:
      code: |
        from flowctl import Connection, Variable
        print(Variable.get("deploy_token"), var.value.deploy_token, Variable.get("plan", deserialize_json=True)["steps"])
        print(Connection.get("warehouse").password, conn.warehouse.get_uri(), conn.warehouse.extra_dejson)
        print(Variable.get("nosuch", default="fallback"), conn.get("nosuch"))
        raise ValueError("it was " + conn.warehouse.password)
  - {id: gate, short_circuit: "{{ var.json.plan.steps | length == 2 }}"}
  - {id: behind, bash: "true", depends_on: gate}
  - {id: lost, bash: "echo {{ var.value.lost }}"}
  - {id: missing, bash: "echo {{ conn.nosuch.host }}"}
"#;

#[tokio::test]
async fn tasks_read_them_and_no_secret_stands_in_a_log_or_a_reason() {
    let mut world = World::create().await;
    world.post("/variables", json!({"key": "deploy_token", "value": "hunter2-hunter2"})).await.expect(201);
    world.post("/variables", json!({"key": "plan", "value": {"steps": ["build", "ship"]}})).await.expect(201);
    let body = json!({
        "connection_id": "warehouse", "conn_type": "postgres", "host": "db.example.org", "login": "ada",
        "password": "s3cret/p@ss", "extra": r#"{"api_key": "k-987654", "sslmode": "require"}"#,
    });
    world.post("/connections", body).await.expect(201);
    let other = store::Keyring::generate().parse().expect("a key");
    let lost = world.database.store().clone().with_keys(other);
    let new = store::variable::NewVariable { key: "lost".to_owned(), value: "x".to_owned(), description: None };
    lost.create_variable(&new, &tester()).await.expect("a row");
    world.dag(DAG).await;
    world.schedule();
    world.trigger("secretive", "one").await;
    let ended = |run: &Value| run["state"] == "failed" || run["state"] == "success";
    world.until("/dags/secretive/dagRuns/one", ended).await;

    let instances = world.get("/dags/secretive/dagRuns/one/taskInstances").await.expect(200);
    let states: std::collections::BTreeMap<_, _> = instances["task_instances"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|ti| (ti["task_id"].as_str().expect("a name"), ti["state"].as_str().expect("a state")))
        .collect();
    let expected = [
        ("bash", "success"),
        ("behind", "success"),
        ("gate", "success"),
        ("lost", "failed"),
        ("missing", "failed"),
        ("python", "failed"),
    ];
    assert_eq!(states, expected.into());

    let mut all = String::new();
    for (task, wanted) in [
        ("bash", vec!["token ***", "in two ***", "postgres://ada:***@db.example.org", "db.example.org build fallback"]),
        ("python", vec!["*** *** ['build', 'ship']", "***", "fallback None", "failed: ValueError: it was ***"]),
        ("lost", vec!["variable `lost`: none of the keys decrypts it"]),
        ("missing", vec!["there is no connection `nosuch`; `flowctl connections add nosuch --conn-uri URI` makes one"]),
    ] {
        let log = world.get(&format!("/dags/secretive/dagRuns/one/taskInstances/{task}/logs/1")).await.text;
        for text in wanted {
            assert!(log.contains(text), "{text} is not in the log of {task}: {log}");
        }
        all += &log;
    }
    all += &world.get("/dags/secretive/dagRuns/one/waiting").await.text;
    all += &world.get("/dags/secretive/dagRuns/one/taskInstances").await.text;
    let home = world.path("logs");
    assert!(walk(&home) >= 4, "there are logs");
    for secret in ["hunter2-hunter2", "s3cret/p@ss", "s3cret%2Fp%40ss", "k-987654"] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
    let reasons = "SELECT count(*) FROM attempt WHERE reason LIKE '%s3cret%'";
    assert_eq!(world.database.number(reasons).await, 0);
    world.stop().await;
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}

/// Answers 200 to who logs in as ada and has the token, from the second look on; what was asked for, in order.
async fn picky_server() -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = vec![0; 8192];
            let length = stream.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let is_known = request.contains("YWRhOnMzY3JldC9wQHNz") && request.contains("hunter2-hunter2");
            asked.push(request.lines().next().unwrap_or_default().to_owned());
            let is_ready = is_known && asked.len() > 1;
            let status = if is_ready { "200 OK" } else { "503 Service Unavailable" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            if is_ready {
                return asked;
            }
        }
    });
    (port, serving)
}

#[tokio::test]
async fn a_sensor_asks_by_a_connection_and_what_it_waits_for_is_kept_without_secrets_in_the_clear() {
    let mut world = World::create().await;
    let (port, serving) = picky_server().await;
    world.post("/variables", json!({"key": "deploy_token", "value": "hunter2-hunter2"})).await.expect(201);
    let body = json!({
        "connection_id": "api", "conn_type": "http", "host": "127.0.0.1", "port": port, "login": "ada",
        "password": "s3cret/p@ss", "extra": r#"{"X-Team": "data", "timeout": "5"}"#,
    });
    world.post("/connections", body).await.expect(201);
    world
        .dag(
            "dag_id: asks\ntasks:\n  - id: ready\n    sensor:\n      poke_interval: 1s\n      http:\n        conn_id: api\n\
             \x20       url: /ready?token={{ var.value.deploy_token }}\n  - id: never\n    sensor:\n      http:\n\
             \x20       url: http://127.0.0.1:1/{{ conn.api.password }}\n",
        )
        .await;
    world.schedule();
    world.trigger("asks", "one").await;
    world.until("/dags/asks/dagRuns/one/taskInstances/never", |ti| ti["state"] == "deferred").await;
    let waiting = world
        .until("/dags/asks/dagRuns/one/waiting", |waiting| waiting.to_string().contains("http://127.0.0.1:1/***"))
        .await
        .to_string();
    assert!(!waiting.contains("s3cret") && !waiting.contains("hunter2"), "{waiting}");
    let plain = "SELECT count(*) FROM waiting w WHERE w::text LIKE '%s3cret%' OR w::text LIKE '%hunter2%'";
    assert_eq!(world.database.number(plain).await, 0);
    assert_eq!(world.database.number("SELECT count(*) FROM waiting w WHERE w::text LIKE '%gAAAA%'").await, 2);
    world.until("/dags/asks/dagRuns/one/taskInstances/ready", |ti| ti["state"] == "success").await;
    let asked = serving.await.expect("the server ends");
    assert_eq!(asked.first().map(String::as_str), Some("GET /ready?token=hunter2-hunter2 HTTP/1.1"));
    world.stop().await;
}

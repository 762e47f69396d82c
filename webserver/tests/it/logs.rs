//! Logs of attempts.

use serde_json::{Value, json};

use crate::world::World;

/// Says a line, waits for a file, says another.
fn slow(marker: &std::path::Path) -> String {
    let marker = marker.display();
    format!(
        "{{dag_id: slow, tasks: [{{id: t, bash: 'echo one; until test -e {marker}; do sleep 0.05; done; echo two >&2'}}]}}"
    )
}

fn events(content: &Value) -> Vec<(&str, &str)> {
    let lines = content["content"].as_array().expect("a list").iter();
    let all = lines.map(|line| (line["logger"].as_str().expect("a stream"), line["event"].as_str().expect("a line")));
    all.filter(|(stream, _)| *stream != "flowctl").collect()
}

#[tokio::test]
async fn a_log_is_read_while_it_grows_and_ends_without_a_token() {
    let mut world = World::create().await;
    let marker = world.path("marker");
    world.dag(&slow(&marker)).await;
    world.schedule();
    world.trigger("slow", "r1").await;
    let path = "/dags/slow/dagRuns/r1/taskInstances/t/logs/1";
    let first = world.until(path, |content| !events(content).is_empty()).await;
    assert_eq!(events(&first), [("stdout", "one")]);
    let token = first["continuation_token"].as_str().expect("a token, because it runs");
    let nothing = world.get(&format!("{path}?token={token}")).await.expect(200);
    assert!(events(&nothing).is_empty() && nothing["continuation_token"].is_string());
    let lines = world.get_as(path, "application/x-ndjson").await;
    assert!(lines.headers.contains_key("airflow-continuation-token") && lines.text.contains("\"one\""));

    std::fs::write(&marker, "").expect("the marker");
    let ends = |content: &Value| content["continuation_token"].is_null();
    let rest = world.until(&format!("{path}?token={token}"), ends).await;
    assert_eq!(events(&rest), [("stderr", "two")]);
    let lines = world.get_as(path, "application/x-ndjson").await;
    assert!(!lines.headers.contains_key("airflow-continuation-token"));
    assert!(
        lines
            .text
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["timestamp"].is_string()))
    );
    assert!(lines.text.contains("\"one\"") && lines.text.contains("\"two\""));
    world.stop().await;
}

#[tokio::test]
async fn a_long_log_comes_in_parts_or_whole() {
    let mut world = World::create().await;
    world.dag("{dag_id: loud, tasks: [{id: t, bash: 'seq 20000'}]}").await;
    world.schedule();
    world.trigger("loud", "r1").await;
    world.until("/dags/loud/dagRuns/r1", |run| run["state"] == "success").await;
    let path = "/dags/loud/dagRuns/r1/taskInstances/t/logs/1";
    let mut numbers = Vec::new();
    let mut next = world.get(path).await.expect(200);
    loop {
        numbers.extend(events(&next).iter().map(|(_, line)| (*line).to_owned()));
        let Some(token) = next["continuation_token"].as_str() else { break };
        next = world.get(&format!("{path}?token={token}")).await.expect(200);
    }
    let expected: Vec<_> = (1..=20_000).map(|number: u32| number.to_string()).collect();
    assert_eq!(numbers, expected);
    let whole = world.get(&format!("{path}?full_content=true")).await.expect(200);
    assert_eq!((events(&whole).len(), &whole["continuation_token"]), (20_000, &Value::Null));
    let lines = world.get_as(path, "application/x-ndjson").await.text;
    assert_eq!(lines.lines().filter(|line| line.contains("stdout")).count(), 20_000);
    world.stop().await;
}

#[tokio::test]
async fn a_try_or_a_token_that_does_not_exist_is_refused() {
    let mut world = World::create().await;
    world.dag("{dag_id: quiet, tasks: [{id: t, bash: 'true'}]}").await;
    world.schedule();
    world.trigger("quiet", "r1").await;
    world.until("/dags/quiet/dagRuns/r1", |run| run["state"] == "success").await;
    let path = "/dags/quiet/dagRuns/r1/taskInstances/t/logs";
    for missing in ["0", "2", "1?map_index=3"] {
        world.get(&format!("{path}/{missing}")).await.refused(404);
    }
    world.get(&format!("{path}/x")).await.refused(422);
    world.get(&format!("{path}/1?token=nonsense")).await.refused(400);
    let quiet = world.get(&format!("{path}/1")).await.expect(200);
    assert_eq!((events(&quiet).len(), &quiet["continuation_token"]), (0, &json!(null)));
    world.stop().await;
}

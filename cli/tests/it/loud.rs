//! Tasks that write more than anybody reads.

use store::testing::history::History;

use crate::system::System;
use crate::wait::until_some;

/// 50 MB of lines, 4 MB of bytes that are no text, and a task beside them that is quiet.
const LOUD: &str = r#"tasks:
  - id: lines
    bash: |
      yes "a line of a task that is louder than its log may be" | head -c 50000000
      echo the last line
  - id: bytes
    bash: head -c 2000000 /dev/zero; head -c 2000000 /dev/urandom | tr -d '\n'; echo; echo the last line
  - id: quiet
    bash: echo a word
"#;

#[tokio::test]
async fn a_task_that_is_louder_than_its_log_may_be_succeeds_and_others_go_on() {
    let mut system = System::on_test_database().await;
    system.set("FLOWCTL_WORKER__MAX_LOG_BYTES", "1MB");
    system.start().await;
    let store = system.store().await;
    system.write_dag("loud.yaml", LOUD);
    until_some(
        "the DAG is known",
        || system.stderr(),
        async || store.current_dag("loud").await.ok().flatten().map(drop),
    )
    .await;
    crate::chaos::trigger(&store, "loud", "one").await;
    let history = until_some(
        "the run has ended",
        || system.stderr(),
        async || History::read(&store).await.ok().filter(|history| history.unfinished() == 0),
    )
    .await;
    for ((_, _, task_id), newest) in &history.task_instances {
        assert_eq!(newest.state, "success", "{task_id}");
        let log = worker::log_path(system.home(), "loud", "one", task_id, -1, 1);
        let text = std::fs::read_to_string(&log).expect("its log");
        let said = "(max_log_bytes): further output is dropped";
        assert_eq!(text.matches(said).count(), usize::from(task_id != "quiet"), "{task_id}");
        // The line that fills it is written whole, and so is what flowctl says.
        assert!(text.len() < 3_000_000, "the log of {task_id} has {} bytes", text.len());
        assert_eq!(text.matches("the last line").count(), 0, "{task_id}");
    }
    assert_eq!(history.task_instances.len(), 3);
    assert!(system.terminate().await.success());
}

use model::attempt::Outcome;
use model::operator::{Bash, Operator};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::fixture::{World, bash, failure, task, xcoms};

fn with(change: impl FnOnce(&mut Bash), command: &str) -> model::dag::Task {
    let mut bash = Bash::new(command);
    change(&mut bash);
    task(Operator::Bash(bash))
}

#[tokio::test]
async fn the_last_line_of_stdout_is_the_return_value() {
    let world = World::new();
    let finished = world.run(bash("echo 하나; echo talk >&2; echo '🎉 모든 작업 완료!'")).await;
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(xcoms(&finished), [r#"return_value="🎉 모든 작업 완료!""#]);
    let log = world.log();
    assert!(log.contains(&"stdout: 하나".to_owned()) && log.contains(&"stderr: talk".to_owned()));
    assert_eq!(xcoms(&world.run(bash("true")).await), [""; 0]);
    let mut silent = bash("echo 1");
    silent.do_xcom_push = false;
    assert_eq!(xcoms(&world.run(silent).await), [""; 0]);
}

#[tokio::test]
async fn the_xcom_file_is_read_beside_stdout() {
    let world = World::new();
    let finished =
        world.run(bash("echo n=3 >> $FLOWCTL_XCOM; printf 'l<<E\\n[1,2]\\nE\\n' >> $FLOWCTL_XCOM; echo done")).await;
    assert_eq!(xcoms(&finished), ["n=3", "l=[1,2]", r#"return_value="done""#]);
    let finished = world.run(bash("echo return_value=5 > $FLOWCTL_XCOM; echo done")).await;
    assert_eq!(xcoms(&finished), ["return_value=5"]);
    let finished = world.run(bash("echo nonsense > $FLOWCTL_XCOM")).await;
    assert_eq!(
        failure(&finished).0,
        "$FLOWCTL_XCOM cannot be read: line 1: `nonsense` is neither key=value nor key<<END"
    );
}

#[tokio::test]
async fn an_xcom_that_is_too_large_fails_only_when_it_was_asked_for() {
    let mut world = World::new();
    world.config.xcom_max_size = 100;
    let finished = world.run(bash("head -c 200 /dev/zero | tr '\\0' x")).await;
    assert_eq!((finished.outcome.clone(), xcoms(&finished).len()), (Outcome::Success, 0));
    assert!(world.log().iter().any(|line| line.contains("not kept as XCom")));
    let finished = world.run(bash("(printf k=; head -c 200 /dev/zero | tr '\\0' x) > $FLOWCTL_XCOM")).await;
    assert_eq!(failure(&finished), ("XCom `k` has 202 bytes, more than 100 (xcom_max_size)".to_owned(), false));
}

#[tokio::test]
async fn the_environment_says_which_attempt_it_is() {
    let world = World::new();
    let command = "echo $FLOWCTL_DAG_ID $FLOWCTL_TASK_ID $FLOWCTL_RUN_ID $FLOWCTL_TRY_NUMBER $FLOWCTL_MAP_INDEX \
                   $FLOWCTL_LOGICAL_DATE $FLOWCTL_DATA_INTERVAL_END $AIRFLOW_CTX_DAG_RUN_ID $PYTHONUTF8 $LANG \
                   $FROM_DAG $OVER $OWN; test -d $FLOWCTL_RUN_DIR && test \"$PWD\" -ef \"$DAGS\"";
    let finished = world
        .run(with(
            |bash| {
                bash.env.insert("OWN".into(), "own".into());
                bash.env.insert("LANG".into(), "ko_KR.UTF-8".into());
                bash.env.insert("FLOWCTL_DAG_ID".into(), "forged".into());
                bash.env.insert("DAGS".into(), world.dags().to_string_lossy().into_owned());
            },
            command,
        ))
        .await;
    assert_eq!(finished.outcome, Outcome::Success);
    let expected =
        "d t manual__1 1 -1 2026-01-01T00:00:00+00:00 2026-01-02T00:00:00+00:00 manual__1 1 ko_KR.UTF-8 dag task own";
    assert_eq!(finished.xcoms[0].value, json!(expected));
}

#[tokio::test]
async fn exit_codes_and_signals_are_told_in_words() {
    let world = World::new();
    let reason = async |command: &str| failure(&world.run(bash(command)).await);
    assert_eq!(reason("exit 1").await, ("exit code 1".to_owned(), true));
    assert_eq!(reason("kill -9 $$").await, ("killed by SIGKILL (out of memory?)".to_owned(), true));
    assert_eq!(reason("no-such-command-here").await, ("command not found (exit code 127)".to_owned(), true));
    assert_eq!(reason("kill -SEGV $$").await.0, "killed by SIGSEGV (invalid memory access)");
    let skipped = world.run(bash("exit 99")).await.outcome;
    assert_eq!(skipped, Outcome::Skipped { reason: "exit code 99".to_owned() });
    let fails = with(|bash| bash.skip_on_exit_code = None, "exit 99");
    assert_eq!(failure(&world.run(fails).await).0, "exit code 99");
}

#[tokio::test]
async fn what_cannot_start_is_not_tried_again() {
    let world = World::new();
    let missing = world.run(with(|bash| bash.shell = "no-such-shell".into(), "true")).await;
    assert_eq!(failure(&missing), ("`no-such-shell` was not found: is it installed and on PATH?".to_owned(), false));
    let cwd = world.run(with(|bash| bash.cwd = Some("nowhere".into()), "true")).await;
    let (reason, may_retry) = failure(&cwd);
    assert!(reason.starts_with("working directory `") && reason.ends_with("/dags/nowhere` does not exist"), "{reason}");
    assert!(!may_retry);
    let encoding = world.run(with(|bash| bash.output_encoding = "klingon".into(), "true")).await;
    assert!(failure(&encoding).0.starts_with("output_encoding `klingon` is not known"));
    let name = world
        .run(with(
            |bash| {
                bash.env.insert("A=B".into(), String::new());
            },
            "true",
        ))
        .await;
    assert_eq!(failure(&name).0, "`A=B` cannot be the name of an environment variable");
    assert!(world.log().iter().any(|line| line.starts_with("flowctl: failed: `no-such-shell`")));
}

#[tokio::test]
async fn a_command_longer_than_one_argument_may_be_runs_all_the_same() {
    let world = World::new();
    let command = format!("# {}\necho long", "x".repeat(300_000));
    assert_eq!(xcoms(&world.run(bash(&command)).await), [r#"return_value="long""#]);
}

#[tokio::test]
async fn an_attempt_stopped_before_it_starts_spawns_nothing() {
    let world = World::new();
    let stop = CancellationToken::new();
    stop.cancel();
    let finished = world.run_until(bash("touch was_here"), stop).await;
    assert_eq!(failure(&finished), ("stopped".to_owned(), false));
    assert!(!world.dags().join("was_here").exists());
}

#[tokio::test]
async fn a_failure_is_tried_again_as_retry_on_and_fail_on_say() {
    use model::dag::{FailOn, RetryOn};
    let world = World::new();
    let retry_on = |codes: &[i32], timeout, pattern: Option<&str>| {
        Some(RetryOn { exit_codes: codes.to_vec(), timeout, pattern: pattern.map(str::to_owned) })
    };
    let run = async |command: &str, change: &dyn Fn(&mut model::dag::Task)| {
        let mut task = bash(command);
        change(&mut task);
        failure(&world.run(task).await)
    };
    let refused = |reason: &str, by: &str| (format!("{reason} (not tried again: {by})"), false);
    assert!(run("exit 75", &|task| task.retry_on = retry_on(&[75], false, None)).await.1);
    let other = run("exit 3", &|task| task.retry_on = retry_on(&[75], true, None)).await;
    assert_eq!(other, refused("exit code 3", "`retry_on` does not name it"));
    let printed = run("echo 'HTTP 503' >&2; echo bye; exit 1", &|task| {
        task.retry_on = retry_on(&[], false, Some("5\\d\\d"));
    })
    .await;
    assert_eq!(printed, ("exit code 1".to_owned(), true));
    let fatal = run("echo denied; exit 1", &|task| {
        task.fail_on = Some(FailOn { exit_codes: Vec::new(), pattern: Some("denied".to_owned()) });
    })
    .await;
    assert_eq!(fatal, refused("exit code 1", "`fail_on` matches `denied`"));
    let slow = async |timeout| {
        run("sleep 10", &|task| {
            task.execution_timeout = Some(model::duration::Duration::from_secs(1));
            task.retry_on = retry_on(&[75], timeout, None);
        })
        .await
        .1
    };
    assert!(slow(true).await);
    assert!(!slow(false).await);
}

/// What a command did and wrote, in a world with two scripts.
async fn outcome_of(command: &str) -> (Outcome, String) {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    for (name, text) in [("show.sh", "#!/bin/sh\necho \"$0 $* in $PWD\"\n"), ("no_shebang.sh", "echo read by $0\n")] {
        let path = world.file(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let finished = world.run(bash(command)).await;
    (finished.outcome, world.log().join("\n").replace(&world.dags().display().to_string(), "DAGS"))
}

#[tokio::test]
async fn a_command_of_plain_words_does_what_bash_would_do() {
    let success = |output: &str| (Outcome::Success, format!("stdout: {output}"));
    assert_eq!(outcome_of("./show.sh a --b=1").await, success("./show.sh a --b=1 in DAGS"));
    assert_eq!(outcome_of("./show.sh 'a' --b=1").await, success("./show.sh a --b=1 in DAGS"));
    assert_eq!(outcome_of("./no_shebang.sh").await, success("read by ./no_shebang.sh"));
    let (outcome, output) = outcome_of("no_such_program --at all").await;
    assert!(matches!(outcome, Outcome::Failed { exit_code: Some(127), .. }), "{outcome:?}");
    assert!(output.contains("no_such_program: command not found"), "{output}");
    assert!(matches!(outcome_of("false").await.0, Outcome::Failed { exit_code: Some(1), .. }));
}

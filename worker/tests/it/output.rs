use model::attempt::Outcome;
use model::operator::{Bash, Operator};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::fixture::{World, bash, failure, task, until};

#[tokio::test]
async fn the_log_can_be_read_while_it_grows() {
    let world = World::new();
    let go = world.dags().join("go");
    let running = world.run(bash("echo first; until test -e go; do read -t 0.01 <> <(:) || :; done; echo second"));
    let watching = async {
        until("the first line is in the log", || world.log().contains(&"stdout: first".to_owned())).await;
        assert_eq!(world.log().len(), 1);
        std::fs::write(go, "").unwrap();
    };
    let (finished, ()) = tokio::join!(running, watching);
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(world.log(), ["stdout: first", "stdout: second"]);
}

#[tokio::test]
async fn an_emoji_written_in_two_pieces_stays_whole() {
    let world = World::new();
    world.file(
        "split.py",
        "import os, time\nfor b in '가🚀\\n'.encode():\n os.write(1, bytes([b])); time.sleep(0.002)\n",
    );
    let finished = world.run(bash("python3 split.py")).await;
    assert_eq!(finished.xcoms[0].value, json!("가🚀"));
}

#[tokio::test]
async fn binary_output_is_fine() {
    let world = World::new();
    let finished = world.run(bash("head -c 300000 /dev/urandom; printf '\\377\\000\\nend\\n'")).await;
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(finished.xcoms[0].value, json!("end"));
    assert!(world.log().len() > 2);
}

#[tokio::test]
async fn another_encoding_is_decoded() {
    let world = World::new();
    let mut euc = Bash::new("printf '\\305\\327\\275\\272\\306\\256\\n'");
    euc.output_encoding = "euc-kr".to_owned();
    assert_eq!(world.run(task(Operator::Bash(euc))).await.xcoms[0].value, json!("테스트"));
}

#[tokio::test]
async fn a_loud_task_is_cut_off_in_the_log_but_not_in_its_run() {
    let mut world = World::new();
    world.config.max_log_bytes = 100_000;
    let finished = world.run(bash("yes | head -c 50M; echo; echo end")).await;
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(finished.xcoms[0].value, json!("end"));
    let path = worker::log_path(&world.config.home, "d", "manual__1", "t", -1, 1);
    assert!(path.metadata().unwrap().len() < 101_000);
    let log = world.log();
    assert_eq!(
        log.last().unwrap(),
        "flowctl: the log has reached 100000 bytes (max_log_bytes): further output is dropped"
    );
}

#[tokio::test]
async fn a_line_without_end_needs_no_memory() {
    let mut world = World::new();
    world.config.max_log_bytes = 1_000_000;
    let finished = world.run(bash("head -c 30M /dev/zero | tr '\\0' x")).await;
    assert_eq!((finished.outcome, finished.xcoms.len()), (Outcome::Success, 0));
}

#[tokio::test]
async fn a_full_disk_stops_the_log_and_not_the_task() {
    let world = World::new();
    let path = worker::log_path(&world.config.home, "d", "manual__1", "t", -1, 1);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let finished = world.run(bash("yes | head -n 100000; echo end")).await;
    assert_eq!((finished.outcome, &finished.xcoms[0].value), (Outcome::Success, &json!("end")));
    let (reason, _) = failure(&world.run(bash("echo hello; exit 3")).await);
    assert_eq!(reason, "exit code 3 (the log cannot be written: No space left on device (os error 28))");
}

#[tokio::test]
async fn somebody_outside_the_group_who_holds_the_pipe_does_not_hang_the_attempt() {
    let world = World::new();
    let pid_file = world.dags().join("pid");
    let command = "setsid sh -c 'echo $$ > pid; exec sleep 300' & until test -s pid; do :; done; echo done";
    let finished = world.run_until(bash(command), CancellationToken::new()).await;
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(finished.xcoms[0].value, json!("done"));
    assert!(world.log().last().unwrap().contains("outside its process group"));
    let pid = crate::fixture::pid_in(&pid_file).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

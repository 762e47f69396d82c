use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use executor::LocalExecutor;
use worker::EXECUTOR_MARK;

use crate::fixture::{World, is_alive, pid_in, until};

/// A process as an executor would start it.
fn marked(world: &World, mark: &str, command: &str) -> Child {
    Command::new("bash")
        .arg("-c")
        .arg(command)
        .env(EXECUTOR_MARK, mark)
        .current_dir(world.dags())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn what_a_killed_predecessor_left_is_gone_and_nothing_else() {
    let world = World::new();
    let mark = world.config.executor_id.clone();
    // The helper stands for the old service; its children: one that ignores SIGTERM, one in a session of its own, and
    // one that scrubbed its environment but stayed in the group.
    let helper = marked(
        &world,
        &mark,
        "sh -c 'trap \"\" TERM; echo $$ > stubborn; while :; do sleep 0.05; done' &
         setsid sh -c 'echo $$ > escaped; exec sleep 300' &
         env -i sh -c 'echo $$ > scrubbed; exec sleep 300' &
         wait",
    );
    let pid = |name: &str| pid_in(&world.dags().join(name));
    until("the orphans run", || ["stubborn", "escaped", "scrubbed"].into_iter().all(|name| pid(name).is_some())).await;
    let stranger = marked(&world, "another-executor", "exec sleep 300");
    end(helper);

    assert!(LocalExecutor::end_orphans(&mark).await >= 3);

    for name in ["stubborn", "escaped", "scrubbed"] {
        assert!(!is_alive(pid(name).unwrap()), "{name} lives");
    }
    assert!(is_alive(stranger.id().cast_signed()));
    end(stranger);
    assert_eq!(LocalExecutor::end_orphans(&mark).await, 0);
}

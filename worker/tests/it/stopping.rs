use model::duration::Duration;
use tokio_util::sync::CancellationToken;

use crate::fixture::{World, bash, failure, is_alive, pid_in, until};

#[tokio::test]
async fn a_timeout_ends_the_whole_group() {
    let world = World::new();
    let mut slow = bash("sleep 300 & echo $! > pid; wait");
    slow.execution_timeout = Some(Duration::from_secs(1));
    let finished = world.run(slow).await;
    assert_eq!(failure(&finished), ("timed out after 1s (execution_timeout)".to_owned(), true));
    assert!(!is_alive(pid_in(&world.dags().join("pid")).unwrap()));
}

#[tokio::test]
async fn a_task_that_ignores_sigterm_is_killed() {
    let world = World::new();
    let stop = CancellationToken::new();
    let pid = world.dags().join("pid");
    let running = world.run_until(bash("trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done"), stop.clone());
    let stopping = async {
        until("the task runs", || pid_in(&pid).is_some()).await;
        stop.cancel();
    };
    let (finished, ()) = tokio::join!(running, stopping);
    assert_eq!(failure(&finished), ("stopped".to_owned(), false));
    assert!(!is_alive(pid_in(&pid).unwrap()));
    assert!(world.log().contains(&"flowctl: SIGTERM was not enough: sending SIGKILL".to_owned()));
}

#[tokio::test]
async fn what_cleans_up_after_its_shell_has_died_gets_its_time() {
    let mut world = World::new();
    world.config.killed_task_cleanup_time = std::time::Duration::from_secs(20);
    let stop = CancellationToken::new();
    let child = "import os, signal, sys, time\n\
                 def end(*_):\n    time.sleep(0.2); open('cleaned', 'w').close(); sys.exit()\n\
                 signal.signal(signal.SIGTERM, end)\n\
                 open('pid', 'w').write(f'{os.getpid()}\\n')\n\
                 signal.pause()\n";
    world.file("child.py", child);
    let pid = world.dags().join("pid");
    let running = world.run_until(bash("python3 child.py; echo never"), stop.clone());
    let stopping = async {
        until("the child runs", || pid_in(&pid).is_some()).await;
        stop.cancel();
    };
    let (finished, ()) = tokio::join!(running, stopping);
    assert_eq!(failure(&finished).0, "stopped");
    assert!(world.dags().join("cleaned").exists());
}

#[tokio::test]
async fn what_a_task_leaves_in_the_background_ends_with_it() {
    let world = World::new();
    world.run(bash("sleep 300 & echo $! > pid")).await;
    let pid = pid_in(&world.dags().join("pid")).unwrap();
    until("the background process is gone", || !is_alive(pid)).await;
}

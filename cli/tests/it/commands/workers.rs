//! Workers.

use super::Site;
use crate::wait::until_some;

#[tokio::test]
async fn a_drained_worker_starts_nothing_and_says_so_until_it_is_undrained() {
    let site = Site::start().await;
    site.dag("one", "tasks:\n  - {id: only, bash: 'true'}\n").await;
    let listed = site.until(&["workers", "list"], |listed| listed.contains("\trunning\t")).await;
    let id = listed.split('\t').next().expect("an id");
    let said = site.run(&["workers", "drain", &id[..8]]);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
    assert!(said.stderr.contains("takes no new attempts"), "{said:?}");
    assert!(site.run(&["workers", "list"]).done().contains("\tdrained\t"));
    // The scheduler looks once a second: what is triggered before that still starts.
    let mut number = 0;
    let kept = until_some(
        "a run is kept",
        || site.system.stderr(),
        async || {
            number += 1;
            let run = format!("run{number}");
            site.run(&["dags", "trigger", "one", "--run-id", &run]).done();
            let words = ["tasks", "why", "one", &run, "only"];
            let is_clear =
                |why: &str| why.contains("succeeded") || why.contains("the worker is drained: it takes no new");
            let why = site.until(&words, is_clear).await;
            why.contains("drained").then_some(run)
        },
    )
    .await;
    site.run(&["workers", "drain", id, "--undo"]).done();
    site.until(&["tasks", "why", "one", &kept, "only"], |why| why.contains("succeeded")).await;
}

#[tokio::test]
async fn a_worker_that_lives_is_not_removed() {
    let site = Site::start().await;
    let listed = site.until(&["workers", "list"], |listed| listed.contains("\trunning\t")).await;
    let id = listed.split('\t').next().expect("an id");
    let said = site.run(&["workers", "remove", id]).refused(1);
    assert!(said.contains("lives: stop its process first, or drain it"), "{said}");
    let said = site.run(&["workers", "remove", "nobody"]).refused(3);
    assert!(said.contains("no worker `nobody`; `flowctl workers list` shows 1"), "{said}");
}

//! The database restarts or cuts its connections in the middle: no attempt is lost, and flowctl need not restart.

use store::embedded::Cluster;
use store::testing::history::cut_connections;

use super::{Chaos, Lost};
use crate::system::{System, binaries};
use crate::wait::until_some;

/// A cluster of the test's own, with fsync, in a folder that goes with it.
struct Private {
    cluster: Cluster,
    _folder: tempfile::TempDir,
}

impl Private {
    fn start() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new().prefix("flowctl-it-").tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("its permissions");
        let cluster = Cluster::new(binaries(folder.path()), folder.path().join("postgres"), &[]).expect("a cluster");
        cluster.start().expect("it starts");
        Self { cluster, _folder: folder }
    }

    fn url(&self) -> String {
        self.cluster.url("postgres")
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.cluster.stop();
    }
}

#[tokio::test]
async fn a_database_that_is_down_at_the_start_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().display().to_string();
    let mut system = System::at(&format!("postgres://ada:secret@localhost/metadata?host={socket}"));
    system.set("FLOWCTL_DATABASE__CONNECT_TIMEOUT", "0s");
    system.spawn();
    let (status, stderr) = system.ended_saying().await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains(&format!("the database `metadata` at {socket} cannot be reached")), "{stderr}");
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_in_the_middle_costs_no_attempt() {
    let private = Private::start();
    let mut chaos = Chaos::start(System::at(&private.url()), 5).await;
    let pid = chaos.system.pid();
    for _ in 0..3 {
        chaos.trigger().await;
        chaos.until_more_ran(8).await;
        private.cluster.stop_at_once().expect("it stops");
        // flowctl has noticed, and tasks that were running have ended meanwhile.
        let before = chaos.system.stderr().matches("database cannot be").count();
        let context = || chaos.system.stderr();
        until_some("flowctl notices", context, async || {
            (chaos.system.stderr().matches("database cannot be").count() > before).then_some(())
        })
        .await;
        private.cluster.start().expect("it starts again");
    }
    assert_eq!(chaos.system.pid(), pid);
    chaos.verify(Lost::None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_cost_no_attempt() {
    let mut chaos = Chaos::start(System::on_test_database().await, 6).await;
    for _ in 0..20 {
        chaos.trigger().await;
        chaos.until_more_ran(4).await;
        // Its own connection of this pool may have been cut by the round before.
        until_some("all connections are cut", String::new, async || cut_connections(&chaos.store).await.ok()).await;
    }
    chaos.verify(Lost::None).await;
}

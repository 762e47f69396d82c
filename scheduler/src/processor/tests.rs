//! The processor over a real folder and a real database, look by look.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use jiff::Timestamp;
use store::testing::TestDatabase;

use super::*;

/// A clock that a test sets.
#[derive(Debug, Clone, Default)]
struct Hand(std::sync::Arc<AtomicI64>);

impl Hand {
    fn set(&self, second: i64) {
        self.0.store(second, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

struct World {
    database: TestDatabase,
    folder: tempfile::TempDir,
    clock: Hand,
    processor: Processor<Hand>,
}

impl World {
    async fn create() -> Self {
        let database = TestDatabase::create().await;
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Hand::default());
        let config = ProcessorConfig {
            folder: folder.path().to_owned(),
            defaults: Defaults { timezone: "UTC".to_owned() },
            are_paused_at_creation: false,
        };
        let processor = Processor::new(database.store().clone(), config, clock.clone());
        Self { database, folder, clock, processor }
    }

    /// The number of tasks of the DAG `slow` and the number of files that were refused, after a look.
    async fn look(&mut self) -> (Option<usize>, usize) {
        self.processor.look().await.expect("a look");
        let store = self.database.store();
        let dag = store.current_dag("slow").await.expect("a read");
        let errors = store::testing::history::import_errors(store).await.expect("a read");
        (dag.map(|dag| dag.tasks.len()), errors.len())
    }

    /// Says when a file was written.
    fn touch(&self, file: &File, second: i64) {
        self.clock.set(second);
        file.set_modified(SystemTime::from(self.clock.now())).expect("its time");
    }
}

#[tokio::test]
async fn a_file_that_was_being_written_when_the_processor_began_is_not_read_half() {
    let mut world = World::create().await;
    let mut file = File::create(world.folder.path().join("slow.yaml")).expect("a file");
    // A DAG already, and an import error after the next part.
    write!(file, "tasks:\n  - {{id: one, empty: {{}}}}\n").expect("a part");
    world.touch(&file, 100);
    assert_eq!(world.look().await, (None, 0));
    write!(file, "  - {{id: two, em").expect("a part");
    world.touch(&file, 101);
    assert_eq!(world.look().await, (None, 0));
    assert!(world.processor.rest() < RESCAN, "it is looked at again soon");
    writeln!(file, "pty: {{}}}}").expect("a part");
    world.touch(&file, 102);
    drop(file);
    assert_eq!(world.look().await, (None, 0));
    world.clock.set(103);
    assert_eq!(world.look().await, (Some(2), 0));
    assert_eq!(world.processor.rest(), RESCAN);
    assert_eq!(store::testing::history::versions(world.database.store(), "slow").await.expect("a read"), 1);
}

#[tokio::test]
async fn a_dag_that_is_saved_while_the_processor_looks_for_the_first_time_is_not_taken_for_gone() {
    let mut world = World::create().await;
    let path = world.folder.path().join("slow.yaml");
    std::fs::write(&path, "tasks: [{id: one, empty: {}}]").expect("a file");
    world.touch(&File::options().write(true).open(&path).expect("the file"), 1);
    world.clock.set(100);
    assert_eq!(world.look().await, (Some(1), 0));
    let aside = world.folder.path().join("aside.txt");
    std::fs::rename(&path, &aside).expect("the file goes");
    assert_eq!(world.look().await, (None, 0));
    world.processor =
        Processor::new(world.database.store().clone(), world.processor.config.clone(), world.clock.clone());

    // Somebody writes the file and saves its DAG, and the look comes in between.
    let mut saving = world.database.hold("LOCK TABLE dag").await;
    let somebody = async {
        world.database.until_awaited("dag").await;
        std::fs::rename(&aside, &path).expect("the file comes back");
        saving.execute("UPDATE dag SET is_stale = false").await;
        saving.commit().await;
    };
    let (looked, ()) = tokio::join!(world.processor.look(), somebody);
    looked.expect("a look");
    let dag = world.database.store().current_dag("slow").await.expect("a read");
    assert!(dag.is_some(), "it is stale");
}

#[tokio::test]
async fn a_dag_whose_file_is_being_written_when_the_processor_begins_stays() {
    let mut world = World::create().await;
    let path = world.folder.path().join("slow.yaml");
    std::fs::write(&path, "tasks: [{id: one, empty: {}}]").expect("a file");
    world.touch(&File::options().write(true).open(&path).expect("the file"), 1);
    world.clock.set(100);
    assert_eq!(world.look().await, (Some(1), 0));
    world.processor =
        Processor::new(world.database.store().clone(), world.processor.config.clone(), world.clock.clone());
    std::fs::write(&path, "tasks: [").expect("half a file");
    world.touch(&File::options().write(true).open(&path).expect("the file"), 101);
    assert_eq!(world.look().await, (Some(1), 0));
    world.clock.set(102);
    assert_eq!(world.look().await, (Some(1), 1));
}

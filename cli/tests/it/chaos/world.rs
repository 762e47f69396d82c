//! DAGs of every kind whose processes write down that they ran, and how each must end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use model::backfill::NewBackfill;
use model::dag_run::{DataInterval, NewDagRun};
use model::state::{DagRunType, ReprocessBehavior, TriggeredBy};
use store::Store;
use store::event_log::By;

use crate::system::System;

/// Appends one line in one write; the token is the name of the attempt's scratch folder.
const NOTE: &str = r#"export TOKEN="${FLOWCTL_RUN_DIR##*/}"; printf '%s %s %s %s %s\n' "$FLOWCTL_DAG_ID" "$FLOWCTL_RUN_ID" "$FLOWCTL_TASK_ID" "$FLOWCTL_TRY_NUMBER" "$TOKEN" >> "$LEDGER""#;

/// The same in Python; `pulled` and what it gives back show that values come from recognised attempts.
const PYTHON_NOTE: &str = r#"import os, time
        e = os.environ
        token = os.path.basename(e["FLOWCTL_RUN_DIR"])
        line = " ".join([e["FLOWCTL_DAG_ID"], e["FLOWCTL_RUN_ID"], e["FLOWCTL_TASK_ID"], e["FLOWCTL_TRY_NUMBER"], token])
        fd = os.open(e["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, (line + "\n").encode())
        os.close(fd)"#;

/// The first and the last day of `days`, 20 in all.
const DAYS: (&str, &str) = ("2025-01-01", "2025-01-20");

/// Asks for a backfill of `days`, latest day first, and says how many days that are.
pub(crate) async fn backfill(store: &Store) -> usize {
    let date = |text: &str| format!("{text}T00:00:00Z").parse::<Timestamp>().expect("a date");
    let new = NewBackfill {
        dag_id: "days".to_owned(),
        from_date: date(DAYS.0),
        to_date: date(DAYS.1),
        run_backwards: true,
        conf: serde_json::Map::new(),
        reprocess_behavior: ReprocessBehavior::None,
        max_active_runs: 3,
        on_latest_version: false,
        triggering_user: None,
    };
    let day = SignedDuration::from_hours(24);
    let mut starts: Vec<Timestamp> = (0..20).map(|index| new.from_date + day * index).collect();
    starts.reverse();
    let days: Vec<DataInterval> = starts.into_iter().map(|start| DataInterval { start, end: start + day }).collect();
    store.create_backfill(&new, &days, &By::local("tester", now())).await.expect("a backfill");
    days.len()
}

/// An execution of a task's process, as it noted itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) dag_id: String,
    pub(crate) run_id: String,
    pub(crate) task_id: String,
    pub(crate) try_number: i32,
    pub(crate) token: i64,
}

/// The DAGs, and for each the states in which its tasks must end. Failed tries that count are in `failures`.
pub(crate) struct Expected {
    pub(crate) run: &'static str,
    pub(crate) tasks: BTreeMap<String, &'static str>,
    pub(crate) failures: BTreeMap<&'static str, usize>,
}

/// Writes the DAGs into the folder of a system that has not started, and tells it where the ledger is.
pub(crate) fn build(system: &mut System) -> BTreeMap<&'static str, Expected> {
    system.set("LEDGER", &ledger(system).display().to_string());
    let bash = |id: &str, rest: &str| format!("  - id: {id}\n    bash: |\n      {NOTE}\n      {rest}\n");
    let mut expected = BTreeMap::new();
    let mut add =
        |name: &'static str, run, text: String, tasks: &[(&str, &'static str)], failures: &[(&'static str, usize)]| {
            let text = format!("max_active_runs: 6\n{text}");
            system.write_dag(&format!("{name}.yaml"), &text);
            let tasks = tasks.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect();
            expected.insert(name, Expected { run, tasks, failures: failures.iter().copied().collect() });
        };

    let mut fan = format!("tasks:\n{}", bash("start", "echo $TOKEN"));
    for index in 0..12 {
        fan += &bash(&format!("leaf{index}"), &format!("sleep 0.0{}; echo $TOKEN", index % 8));
        fan += "    depends_on: start\n";
    }
    fan += &bash("join", "echo $TOKEN");
    let leaves: Vec<String> = (0..12).map(|index| format!("leaf{index}")).collect();
    fan.extend(["    depends_on: [", &leaves.join(", "), "]\n"]);
    let mut states: Vec<(&str, &'static str)> = leaves.iter().map(|id| (id.as_str(), "success")).collect();
    states.extend([("start", "success"), ("join", "success")]);
    add("fan", "success", fan, &states, &[]);

    let mut chain = "tasks:\n".to_owned();
    let links: Vec<String> = (0..8).map(|index| format!("link{index}")).collect();
    for (index, id) in links.iter().enumerate() {
        chain += &bash(id, "sleep 0.02; echo $TOKEN");
        if index > 0 {
            chain.extend(["    depends_on: ", &links[index - 1], "\n"]);
        }
    }
    let states: Vec<(&str, &'static str)> = links.iter().map(|id| (id.as_str(), "success")).collect();
    add("chain", "success", chain, &states, &[]);

    // `flaky` fails until it has left a mark; `hopeless` always, with one retry.
    let retries = format!(
        "tasks:\n{}    retries: 3\n    retry_delay: 0.3\n{}    retries: 1\n    retry_delay: 0.1\n\
         {}    depends_on: hopeless\n{}    depends_on: [flaky, hopeless, never]\n    trigger_rule: all_done\n",
        bash("flaky", r#"mkdir "$LEDGER.$FLOWCTL_RUN_ID" && exit 1; echo $TOKEN"#),
        bash("hopeless", "exit 7"),
        bash("never", "echo $TOKEN"),
        bash("cleanup", "sleep 0.05; echo $TOKEN"),
    );
    add(
        "retries",
        "success",
        retries,
        &[("flaky", "success"), ("hopeless", "failed"), ("never", "upstream_failed"), ("cleanup", "success")],
        &[("hopeless", 2)],
    );

    // The branch reads what `first` left, from whichever scheduler's time.
    let branch = format!(
        "tasks:\n{}  - id: gate\n    branch: \"{{{{ 'left' if xcom('first') else 'right' }}}}\"\n    \
         depends_on: first\n{}    depends_on: gate\n{}    depends_on: gate\n  - id: done\n    empty: {{}}\n    \
         depends_on: [left, right]\n    trigger_rule: none_failed_min_one_success\n",
        bash("first", "echo $TOKEN"),
        bash("left", "sleep 0.03; echo $TOKEN"),
        bash("right", "echo $TOKEN"),
    );
    add(
        "branches",
        "success",
        branch,
        &[("first", "success"), ("gate", "success"), ("left", "success"), ("right", "skipped"), ("done", "success")],
        &[],
    );

    let python = format!(
        "tasks:\n  - id: push\n    python:\n      code: |\n        {PYTHON_NOTE}\n        time.sleep(0.05)\n        \
         return token\n  - id: pull\n    depends_on: push\n    python:\n      code: |\n        {PYTHON_NOTE}\n        \
         pulled = ti.xcom_pull(task_ids='push')\n        ti.xcom_push('pulled', pulled)\n        return token\n"
    );
    add("python", "success", python, &[("push", "success"), ("pull", "success")], &[]);

    let every_second = format!(
        "schedule: 1s\nstart_date: {}\ncatchup: true\ntasks:\n{}",
        now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        bash("tick", "echo $TOKEN")
    );
    add("ticks", "success", every_second, &[("tick", "success")], &[]);

    // Runs only when somebody asks, and for the days of its backfill.
    let days = format!(
        "schedule: 1d\nstart_date: {}\nend_date: {}\ntasks:\n{}",
        DAYS.0,
        DAYS.1,
        bash("day", "sleep 0.05; echo $TOKEN")
    );
    add("days", "success", days, &[("day", "success")], &[]);
    expected
}

fn ledger(system: &System) -> PathBuf {
    system.home().join("ledger")
}

/// The time of a person who triggers and cancels.
#[expect(clippy::disallowed_methods, reason = "the test is such a person")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// What ran so far.
pub(crate) fn executions(system: &System) -> Vec<Execution> {
    let text = std::fs::read_to_string(ledger(system)).unwrap_or_default();
    text.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [dag_id, run_id, task_id, try_number, token] = fields[..] else { panic!("a torn line: {line}") };
            Execution {
                dag_id: dag_id.to_owned(),
                run_id: run_id.to_owned(),
                task_id: task_id.to_owned(),
                try_number: try_number.parse().expect("a number"),
                token: token.parse().expect("a token"),
            }
        })
        .collect()
}

/// Triggers a run. The database may be away for a moment: a trigger that was not acknowledged is tried again, and one
/// that turns out to exist was written.
pub(crate) async fn trigger(store: &Store, dag_id: &str, run_id: &str) {
    let now = now();
    let run = NewDagRun {
        dag_id: dag_id.to_owned(),
        run_id: run_id.to_owned(),
        run_type: DagRunType::Manual,
        logical_date: None,
        data_interval: None,
        run_after: now,
        conf: serde_json::Map::new(),
        triggered_by: TriggeredBy::Test,
        triggering_user: None,
        note: None,
    };
    crate::wait::until_some(&format!("{dag_id} {run_id} is triggered"), String::new, async || {
        match store.trigger(&run, &serde_json::Map::new(), &By::local("tester", now)).await {
            Ok(_) | Err(store::dag_run::TriggerError::RunIdExists { .. }) => Some(()),
            Err(store::dag_run::TriggerError::Store(_)) => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
}

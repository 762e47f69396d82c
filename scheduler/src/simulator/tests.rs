use model::dag::{Overlap, Schedule, Task};
use model::ids::{Epoch, TaskIndex};
use model::journal::SkipReason;

use super::*;
use crate::ports::Journal;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cron(expression: &str) -> Schedule {
    Schedule::Cron { expression: expression.to_owned(), text: expression.to_owned() }
}

/// A chain of `extract` and `load`.
fn dag(schedule: Schedule) -> Dag {
    let task = |id: &str, upstream: Vec<TaskIndex>| {
        Arc::new(Task { upstream, ..Task::new(id, Operator::Bash(Bash::new("true"))) })
    };
    let tasks = vec![task("extract", Vec::new()), task("load", vec![TaskIndex(0)])];
    Dag { schedule, start_date: Some(at("2026-01-01T00:00:00Z")), ..Dag::new("d", tasks) }
}

fn scenario(dag: Dag, from: &str, to: &str, minutes: i64) -> Scenario {
    Scenario {
        dag,
        limits: Limits::default(),
        from: at(from),
        to: at(to),
        durations: HashMap::new(),
        usual_duration: SignedDuration::from_mins(minutes),
        most_runs: 10_000,
    }
}

/// `run_after start–end state`, with the times of day.
async fn told(scenario: &Scenario) -> Vec<String> {
    let time = |at: Timestamp| at.strftime("%H:%M").to_string();
    let time_or_dash = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), time);
    let runs = simulate(scenario).await.unwrap().runs;
    let line = |run: &ForeseenRun| {
        let span = format!("{}–{}", time_or_dash(run.started_at), time_or_dash(run.ended_at));
        format!("{} {span} {}", time(run.run_after), run.state)
    };
    runs.iter().map(line).collect()
}

#[tokio::test]
async fn a_year_of_days_in_berlin_has_a_run_at_six_on_the_clock_every_day() {
    let dag = Dag { timezone: "Europe/Berlin".to_owned(), ..dag(cron("0 6 * * *")) };
    let scenario = scenario(dag, "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00", 5);
    let forecast = simulate(&scenario).await.unwrap();
    assert_eq!(forecast.runs.len(), 364, "the first interval ends on 2 January");
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    for run in &forecast.runs {
        assert_eq!(run.run_after.to_zoned(berlin.clone()).time(), jiff::civil::time(6, 0, 0, 0));
        assert_eq!((run.started_at, run.state), (Some(run.run_after), DagRunState::Success));
        let starts: Vec<i64> =
            run.tasks.iter().map(|task| run.run_after.duration_until(task.started_at.unwrap()).as_secs()).collect();
        assert_eq!(starts, [0, 300]);
    }
}

#[tokio::test]
async fn what_was_due_before_counts_as_done() {
    let runs = told(&scenario(dag(cron("0 * * * *")), "2026-06-01T10:30:00Z", "2026-06-01T13:00:00Z", 5)).await;
    assert_eq!(runs, ["11:00 11:00–11:10 success", "12:00 12:00–12:10 success"]);
    let undated = Dag { start_date: None, ..dag(cron("0 * * * *")) };
    let runs = told(&scenario(undated, "2026-06-01T10:30:00Z", "2026-06-01T12:00:00Z", 5)).await;
    assert_eq!(runs, ["11:00 11:00–11:10 success"]);
}

#[tokio::test]
async fn runs_queue_up_behind_a_long_one() {
    let dag = Dag { max_active_runs: Some(1), catchup: true, ..dag(cron("*/10 * * * *")) };
    let runs = told(&scenario(dag, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z", 10)).await;
    assert_eq!(runs, ["10:00 10:00–10:20 success", "10:10 10:20–10:40 success", "10:20 10:40–- running"]);
}

#[tokio::test]
async fn a_run_that_is_due_while_the_one_before_is_not_finished_is_left_out_where_the_dag_says_so() {
    let dag = Dag { overlap: Overlap::Skip, ..dag(cron("*/10 * * * *")) };
    let scenario = scenario(dag, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z", 12);
    assert_eq!(told(&scenario).await, ["10:00 10:00–10:24 success", "10:30 10:30–10:54 success"]);
    let skipped = simulate(&scenario).await.unwrap().skipped;
    let due: Vec<String> = skipped.iter().map(|skipped| skipped.run_after.strftime("%H:%M").to_string()).collect();
    assert_eq!(due, ["10:10", "10:20", "10:40", "10:50"]);
    let reason = skipped[0].reason.to_string();
    assert_eq!(reason, "`scheduled__2026-06-01T09:50:00+00:00` was not finished (overlap: skip)");
}

#[tokio::test]
async fn a_run_that_is_due_cancels_the_one_before_where_the_dag_says_so() {
    let dag = Dag { overlap: Overlap::CancelRunning, max_active_runs: Some(1), ..dag(cron("*/10 * * * *")) };
    let scenario = scenario(dag, "2026-06-01T10:00:00Z", "2026-06-01T10:25:00Z", 8);
    let expected = ["10:00 10:00–10:10 failed", "10:10 10:10–10:20 failed", "10:20 10:20–- running"];
    assert_eq!(told(&scenario).await, expected);
    let runs = simulate(&scenario).await.unwrap().runs;
    let reason = "cancelled because `scheduled__2026-06-01T10:00:00+00:00` is due (overlap: cancel_running)";
    assert_eq!(runs[0].reason.as_deref(), Some(reason));
    let states: Vec<&str> = runs[0].tasks.iter().map(|task| task.state.as_str()).collect();
    assert_eq!(states, ["success", "skipped"]);
}

#[tokio::test]
async fn continuous_runs_follow_each_other() {
    let dag = Dag { max_active_runs: Some(1), ..dag(Schedule::Continuous) };
    let runs = told(&scenario(dag, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z", 10)).await;
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[1], "10:20 10:20–10:40 success");
}

#[tokio::test]
async fn an_endless_row_of_short_runs_is_cut() {
    let mut scenario = scenario(dag(Schedule::Continuous), "2026-06-01T10:00:00Z", "2026-07-01T10:00:00Z", 0);
    scenario.most_runs = 50;
    let forecast = simulate(&scenario).await.unwrap();
    assert_eq!((forecast.runs.len(), forecast.is_cut), (50, true));
}

/// A leader over a journal in memory, on a clock.
async fn lead(journal: &MemoryJournal, clock: &VirtualClock) -> Leader<MemoryJournal, Hands, VirtualClock> {
    let taken = Leader::take_over(journal.clone(), Hands::default(), clock.clone(), Limits::default()).await;
    taken.unwrap().unwrap_or_else(|_| panic!("somebody else leads"))
}

async fn pass(leader: &mut Leader<MemoryJournal, Hands, VirtualClock>) {
    leader.look_at_inbox();
    while leader.pass(true).await.unwrap().more {}
}

#[tokio::test]
async fn skipped_runs_are_as_many_as_were_asked_for_and_the_next_one_told_is_behind_them() {
    let scenario = scenario(dag(cron("0 * * * *")), "2026-06-01T10:30:00Z", "2026-06-02T00:00:00Z", 5);
    let (journal, clock) = (MemoryJournal::default(), VirtualClock::new(scenario.from));
    settle(&journal, &scenario).unwrap();
    journal.world().dags.get_mut("d").unwrap().skip_next = 2;
    let mut leader = lead(&journal, &clock).await;
    pass(&mut leader).await;
    assert_eq!(journal.world().next_runs["d"].map(|(_, run_after)| run_after), Some(at("2026-06-01T13:00:00Z")));
    clock.set(at("2026-06-01T11:00:00Z"));
    pass(&mut leader).await;
    assert!(journal.world().runs.is_empty());
    // Taken back, also while the leader already knew of it.
    journal.world().dags.get_mut("d").unwrap().skip_next = 0;
    clock.set(at("2026-06-01T12:00:00Z"));
    pass(&mut leader).await;
    let world = journal.world();
    let run_ids: Vec<&str> = world.runs.values().map(|run| run.facts.run_id.as_str()).collect();
    assert_eq!(run_ids, ["scheduled__2026-06-01T11:00:00+00:00"]);
    assert_eq!(world.skipped.len(), 1);
    assert_eq!(world.skipped[0].reason, SkipReason::Asked);
}

#[tokio::test]
async fn a_leader_that_takes_over_still_knows_which_run_is_not_finished() {
    let dag = Dag { overlap: Overlap::Skip, ..dag(cron("0 * * * *")) };
    let scenario = scenario(dag, "2026-06-01T11:00:00Z", "2026-06-02T00:00:00Z", 5);
    let (journal, clock) = (MemoryJournal::default(), VirtualClock::new(scenario.from));
    settle(&journal, &scenario).unwrap();
    pass(&mut lead(&journal, &clock).await).await;
    assert_eq!(journal.world().runs.len(), 1);
    clock.set(at("2026-06-01T12:00:00Z"));
    pass(&mut lead(&journal, &clock).await).await;
    let world = journal.world();
    assert_eq!((world.runs.len(), world.skipped.len()), (1, 1));
}

#[tokio::test]
async fn a_skip_of_a_deposed_leader_writes_nothing() {
    let scenario = scenario(dag(cron("0 * * * *")), "2026-06-01T10:30:00Z", "2026-06-02T00:00:00Z", 5);
    let journal = MemoryJournal::default();
    settle(&journal, &scenario).unwrap();
    journal.take_over().await.unwrap();
    let interval = DataInterval { start: scenario.from, end: scenario.to };
    let skipped = SkippedRun {
        dag_id: "d".to_owned(),
        data_interval: interval,
        run_after: scenario.to,
        reason: SkipReason::Overlap { run_id: "r".to_owned() },
    };
    let before = journal.world().dags["d"].clone();
    assert!(journal.skip_runs(Epoch(7), &[skipped], scenario.to).await.is_err());
    assert_eq!(journal.world().dags["d"], before);
}

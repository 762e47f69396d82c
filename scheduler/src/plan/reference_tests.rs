//! The planner, which only looks at what changed, against the reference, which looks at everything: random DAGs, rules,
//! outcomes and events. After each event every task that has not started must be one that has to wait, and every task that
//! was decided by it must be decided as the reference says for some order in which the things of this event happened.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::attempt::{Attempt, Outcome};
use model::dag::{Dag, Task, Teardown};
use model::duration::Duration;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::journal::{Batch, ChoiceRow, DagRunRow};
use model::operator::{Branch, Condition, Operator, ShortCircuit};
use model::state::{DagRunState, TaskInstanceState as S};
use model::trigger_rule::TriggerRule;
use model::xcom::CHOICE;
use proptest::prelude::*;

use super::reference::{Must, Reference};
use super::tests::{RUN, at, bash, dag, failed, planner_with, report, run_row, task};
use super::{Fate, Planner};
use crate::question::{Answer, Asked, Question};

/// What a person, a worker or a crash does next; the number picks whom.
#[derive(Debug, Clone, Copy)]
enum Event {
    Succeed(usize),
    Fail(usize),
    Skip(usize),
    Lose(usize),
    AnswerYes(usize),
    AnswerNo(usize),
    Clear(usize),
    TakeOver,
    LetTimePass,
}

fn event() -> impl Strategy<Value = Event> {
    let pick = 0..64_usize;
    prop_oneof![
        6 => pick.clone().prop_map(Event::Succeed),
        3 => pick.clone().prop_map(Event::Fail),
        1 => pick.clone().prop_map(Event::Skip),
        1 => pick.clone().prop_map(Event::Lose),
        4 => pick.clone().prop_map(Event::AnswerYes),
        3 => pick.clone().prop_map(Event::AnswerNo),
        2 => pick.prop_map(Event::Clear),
        1 => Just(Event::TakeOver),
        2 => Just(Event::LetTimePass),
    ]
}

/// What one task is: kind, rule, upstreams as bits, whether it has a `when`, retries.
type Shape = (u8, usize, u16, bool, u32);

fn random_dag(shapes: &[Shape]) -> Dag {
    let mut tasks: Vec<Task> = Vec::new();
    for (index, (kind, rule, bits, has_when, retries)) in shapes.iter().enumerate() {
        let mut upstream: Vec<u32> = (0_u32..).take(index).filter(|at| bits >> at & 1 == 1).collect();
        upstream.truncate(4);
        let expression = || "{{ x }}".to_owned();
        let operator = match kind {
            0 | 1 => Operator::Empty,
            2 | 3 => Operator::Branch(Branch::Expression(expression())),
            4 | 5 => Operator::ShortCircuit(ShortCircuit {
                condition: Condition::Expression(expression()),
                ignore_downstream_trigger_rules: *kind == 4,
            }),
            _ => bash(),
        };
        let mut task = task(&format!("t{index}"), &upstream, operator);
        task.trigger_rule = TriggerRule::ALL[rule % 12];
        task.when = has_when.then(expression);
        task.retries = *retries;
        task.retry_delay = Duration::from_secs(5);
        task.setup = *kind == 14;
        if *kind == 15 {
            task.teardown = Some(Teardown { on_failure_fail_dagrun: *has_when });
            task.trigger_rule = TriggerRule::AllDoneSetupSuccess;
        } else if task.upstream.iter().any(|index| tasks[index.at()].setup) {
            // As the language demands.
            task.trigger_rule = TriggerRule::AllSuccess;
        }
        tasks.push(task);
    }
    dag(tasks)
}

/// A run, its planner, and what a database would hold.
struct Stage {
    dag: Dag,
    planner: Planner,
    row: DagRunRow,
    alive: Vec<Attempt>,
    asked: Vec<Asked>,
    now: Timestamp,
    /// By chooser: what it followed.
    choices: BTreeMap<usize, Vec<usize>>,
    ended: Option<DagRunState>,
}

impl Stage {
    fn new(dag: Dag, parallelism: u32) -> Self {
        let planner = planner_with(dag.clone(), parallelism);
        let (alive, asked, choices) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { dag, planner, row: run_row(RUN), alive, asked, now: at(0), choices, ended: None }
    }

    fn states(&self) -> Vec<S> {
        (0..)
            .map(TaskIndex)
            .take(self.dag.tasks.len())
            .map(|index| {
                let key = TaskInstanceKey::unmapped(RUN, index);
                let known = self.planner.task_instance(key).map(|ti| ti.state);
                known.or_else(|| self.row.task_instances.get(index.at()).map(|ti| ti.state)).unwrap_or(S::None)
            })
            .collect()
    }

    fn write(&mut self, batch: &Batch) {
        for write in &batch.runs {
            if let Some(change) = &write.change {
                self.row.state = change.state;
                self.row.facts.started_at = change.started_at;
                self.ended = change.state.is_finished().then_some(change.state);
            }
        }
        if !batch.inserted.is_empty() {
            self.row.task_instances.clone_from(&batch.inserted);
        }
        for row in &batch.updated {
            self.row.task_instances[row.key.task.at()] = row.clone();
        }
        let cleared = |task_id: &str| batch.cleared_xcoms.iter().any(|(_, cleared, _)| cleared == task_id);
        self.row.choices.retain(|choice| !cleared(&choice.task_id));
        for xcom in batch.xcoms.iter().filter(|xcom| xcom.key == CHOICE) {
            self.row.choices.retain(|choice| choice.task_id != xcom.task_id);
            let value = xcom.value.clone();
            self.row.choices.push(ChoiceRow { task_id: xcom.task_id.clone(), map_index: -1, value });
        }
    }

    fn plan(&mut self) {
        loop {
            let decisions = self.planner.plan(self.now, true);
            self.write(&decisions.batch);
            self.alive.extend(decisions.dispatch);
            self.asked.extend(decisions.evaluate);
            if !decisions.more {
                break;
            }
        }
    }

    fn finish(&mut self, pick: usize, outcome: Outcome) {
        if !self.alive.is_empty() {
            let attempt = self.alive.remove(pick % self.alive.len());
            self.planner.fold_report(&report(&attempt, outcome, self.now), None);
        }
    }

    fn answer(&mut self, pick: usize, yes: bool) {
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(pick % self.asked.len());
        let key = asked.attempt.key;
        let chooser = key.task.at();
        let direct = self.dag.downstream()[chooser].clone();
        let answer = if asked.question == Question::Branch {
            let followed: Vec<usize> =
                direct.iter().enumerate().filter(|(n, _)| yes == (n % 2 == 0)).map(|(_, index)| index.at()).collect();
            let ids = followed.iter().map(|index| self.dag.tasks[*index].task_id.clone()).collect();
            self.choices.insert(chooser, followed);
            Answer::Follow(ids)
        } else {
            if asked.question == Question::ShortCircuit {
                self.choices.remove(&chooser);
                if !yes && !direct.is_empty() {
                    self.choices.insert(chooser, Vec::new());
                }
            }
            Answer::Holds(yes)
        };
        self.planner.fold_evaluation(key, asked.question, Ok(answer), self.now);
    }

    /// As the store clears one task instance.
    fn clear(&mut self, pick: usize) {
        if self.row.task_instances.is_empty() {
            return;
        }
        let index = pick % self.row.task_instances.len();
        let retries = self.dag.tasks[index].retries;
        let ti = &mut self.row.task_instances[index];
        if matches!(ti.state, S::None | S::Restarting) {
            return;
        }
        ti.state = if matches!(ti.state, S::Queued | S::Running) { S::Restarting } else { S::None };
        ti.max_tries = ti.try_number + retries + 1;
        (ti.ended_at, ti.retry_at) = (None, None);
        self.row.version += 1;
        if self.row.state.is_finished() {
            self.row.state = DagRunState::Queued;
            self.ended = None;
        }
        self.load(Fate::Alive);
    }

    fn load(&mut self, fate: Fate) {
        self.asked.clear();
        if fate == Fate::Gone {
            self.alive.clear();
        }
        self.planner.fold_run(self.row.clone(), |_| fate, self.now);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Succeed(pick) => self.finish(pick, Outcome::Success),
            Event::Fail(pick) => self.finish(pick, failed()),
            Event::Skip(pick) => self.finish(pick, Outcome::Skipped { reason: "by itself".to_owned() }),
            Event::Lose(pick) => self.finish(pick, Outcome::Lost { reason: "its worker died".to_owned() }),
            Event::AnswerYes(pick) => self.answer(pick, true),
            Event::AnswerNo(pick) => self.answer(pick, false),
            Event::Clear(pick) => self.clear(pick),
            Event::TakeOver => {
                if self.ended.is_none() && self.row.state == DagRunState::Running {
                    self.planner = planner_with(self.dag.clone(), 4);
                    self.load(Fate::Gone);
                }
            }
            Event::LetTimePass => self.now = self.now.checked_add(SignedDuration::from_secs(6)).unwrap(),
        }
    }

    /// Everything that was decided between `before` and now could be, and nothing else had to be.
    fn check(&self, before: &[S]) {
        let after = self.states();
        let reference = Reference { dag: &self.dag, choices: &self.choices };
        let changed: Vec<usize> = (0..after.len()).filter(|task| before[*task] != after[*task]).collect();
        for task in 0..after.len() {
            let decided = match after[task] {
                S::None if self.row.state == DagRunState::Running => {
                    assert_eq!(reference.must(task, &after), Must::Wait, "t{task} of {after:?} {self:?}");
                    continue;
                }
                _ if before[task] != S::None => continue,
                S::None => continue,
                S::UpstreamFailed => vec![Must::BeUpstreamFailed],
                // Skipped by its rule or a choice, or scheduled and then by its `when`.
                S::Skipped if self.dag.tasks[task].when.is_some() => vec![Must::BeSkipped, Must::Run],
                S::Skipped => vec![Must::BeSkipped],
                _ => vec![Must::Run],
            };
            let asked: Vec<usize> =
                reference.asks_about(task).into_iter().filter(|other| changed.contains(other)).collect();
            let is_possible = (0..1_usize << asked.len()).any(|bits| {
                let mut states = after.clone();
                for (_, other) in asked.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 0) {
                    states[*other] = before[*other];
                }
                decided.contains(&reference.must(task, &states))
            });
            assert!(is_possible, "t{task} became {} from {before:?} to {after:?} {self:?}", after[task]);
        }
        if let Some(end) = self.ended {
            assert!(after.iter().all(|state| state.is_finished()), "{after:?}");
            assert_eq!(end, reference.end(&after), "{after:?} {self:?}");
        }
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "choices {:?}", self.choices)?;
        for task in &self.dag.tasks {
            let upstream: Vec<u32> = task.upstream.iter().map(|index| index.0).collect();
            let marks = (task.setup, task.teardown.is_some(), task.when.is_some());
            writeln!(f, "{} {} {} {upstream:?} {marks:?}", task.task_id, task.operator.name(), task.trigger_rule)?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_planner_decides_what_a_look_at_the_whole_run_would_decide(
        shapes in proptest::collection::vec((0..16_u8, 0..12_usize, any::<u16>(), proptest::bool::weighted(0.15), 0..3_u32), 1..9),
        events in proptest::collection::vec(event(), 0..40),
        parallelism in 1..5_u32,
    ) {
        let mut stage = Stage::new(random_dag(&shapes), parallelism);
        let unstarted = vec![S::None; shapes.len()];
        stage.plan();
        stage.check(&unstarted);
        let mut events = events.into_iter();
        for step in 0.. {
            prop_assert!(step < 2000, "the run does not end: {:?} {stage:?}", stage.states());
            // When nobody interferes any more, everything goes well.
            let to_come = events.next();
            if to_come.is_none() && stage.ended.is_some() {
                break;
            }
            let event = to_come.unwrap_or(match step % 3 {
                0 => Event::Succeed(0),
                1 => Event::AnswerYes(0),
                _ => Event::LetTimePass,
            });
            let is_load = matches!(event, Event::Clear(_) | Event::TakeOver);
            let mut before = stage.states();
            stage.happens(event);
            if is_load {
                // What is not written down yet is decided again.
                before = stage.row.task_instances.iter().map(|ti| ti.state).collect();
                before.resize(shapes.len(), S::None);
            }
            stage.plan();
            stage.check(&before);
        }
    }
}

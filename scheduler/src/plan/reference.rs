//! The reference: what must become of each task of a run, evaluated from scratch from the DAG and how everything ended so
//! far. Slow, without memory and without a shared line with the planner or the model's rules: it follows the definitions.

use std::collections::BTreeMap;

use model::dag::Dag;
use model::operator::Operator;
use model::state::{DagRunState, TaskInstanceState as S};
use model::trigger_rule::TriggerRule as R;

/// What must become of a task that has not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    Run,
    Wait,
    BeSkipped,
    BeUpstreamFailed,
}

/// A run as the reference sees it.
pub(super) struct Reference<'d> {
    pub(super) dag: &'d Dag,
    /// By task: of a branch the tasks that it followed, of a short circuit nothing; only of those that chose.
    pub(super) choices: &'d BTreeMap<usize, Vec<usize>>,
}

impl Reference<'_> {
    fn upstream(&self, task: usize) -> Vec<usize> {
        self.dag.tasks[task].upstream.iter().map(|index| index.at()).collect()
    }

    fn downstream(&self, task: usize) -> Vec<usize> {
        (0..self.dag.tasks.len()).filter(|other| self.upstream(*other).contains(&task)).collect()
    }

    /// Whether there is a way from one task to another.
    fn reaches(&self, from: usize, to: usize) -> bool {
        self.upstream(to).iter().any(|before| *before == from || self.reaches(from, *before))
    }

    fn is_teardown(&self, task: usize) -> bool {
        self.dag.tasks[task].teardown.is_some()
    }

    /// Whether `chooser`, having chosen as it did, skips `task`.
    fn skips(&self, chooser: usize, task: usize) -> bool {
        let Some(followed) = self.choices.get(&chooser) else { return false };
        if self.is_teardown(task) {
            return false;
        }
        let is_direct = self.downstream(chooser).contains(&task);
        match &self.dag.tasks[chooser].operator {
            Operator::Branch(_) => {
                is_direct && !followed.iter().any(|chosen| *chosen == task || self.reaches(*chosen, task))
            }
            Operator::ShortCircuit(short) if short.ignore_downstream_trigger_rules => self.reaches(chooser, task),
            _ => is_direct,
        }
    }

    /// The setups in whose scope a task is.
    fn setups(&self, task: usize) -> Vec<usize> {
        let is_in_scope = |setup: &usize| {
            let teardowns: Vec<usize> =
                self.downstream(*setup).into_iter().filter(|next| self.is_teardown(*next)).collect();
            self.dag.tasks[*setup].setup
                && self.reaches(*setup, task)
                && (teardowns.is_empty() || teardowns.iter().any(|teardown| self.reaches(task, *teardown)))
        };
        (0..self.dag.tasks.len()).filter(is_in_scope).collect()
    }

    /// Every task whose end can matter for a task.
    pub(super) fn asks_about(&self, task: usize) -> Vec<usize> {
        (0..self.dag.tasks.len()).filter(|other| self.reaches(*other, task)).collect()
    }

    /// What must become of a task, when everything else is as `states` says.
    pub(super) fn must(&self, task: usize, states: &[S]) -> Must {
        let chose = |other: &usize| states[*other] == S::Success;
        if self.choices.keys().filter(|other| chose(other)).any(|chooser| self.skips(*chooser, task)) {
            return Must::BeSkipped;
        }
        let upstream = self.upstream(task);
        let rule = self.dag.tasks[task].trigger_rule;
        if upstream.is_empty() || rule == R::Always {
            return Must::Run;
        }
        let indirect: Vec<S> = if self.is_teardown(task) {
            Vec::new()
        } else {
            let setups = self.setups(task).into_iter().filter(|setup| !upstream.contains(setup));
            setups.map(|setup| states[setup]).collect()
        };
        if indirect.iter().any(|state| matches!(state, S::Failed | S::UpstreamFailed)) {
            return Must::BeUpstreamFailed;
        }
        if indirect.contains(&S::Skipped) {
            return Must::BeSkipped;
        }
        let by_rule = if self.is_teardown(task) {
            self.teardown(task, states)
        } else {
            by_rule(rule, &upstream.iter().map(|index| states[*index]).collect::<Vec<_>>())
        };
        if by_rule == Must::Run && indirect.iter().any(|state| !state.is_finished()) { Must::Wait } else { by_rule }
    }

    fn teardown(&self, task: usize, states: &[S]) -> Must {
        let upstream = self.upstream(task);
        let setups: Vec<usize> = upstream.iter().copied().filter(|index| self.dag.tasks[*index].setup).collect();
        if upstream.iter().any(|index| !states[*index].is_finished()) {
            return Must::Wait;
        }
        if !setups.is_empty() && setups.iter().all(|setup| states[*setup] == S::Skipped) {
            return Must::BeSkipped;
        }
        if !setups.is_empty() && !setups.iter().any(|setup| states[*setup] == S::Success) {
            return Must::BeUpstreamFailed;
        }
        let is_between =
            |other: &usize| self.reaches(*other, task) && setups.iter().any(|setup| self.reaches(*setup, *other));
        let all_done = (0..states.len()).filter(is_between).all(|other| states[other].is_finished());
        if all_done { Must::Run } else { Must::Wait }
    }

    /// How the run must end, once everything has.
    pub(super) fn end(&self, states: &[S]) -> DagRunState {
        let matters = |task: usize| self.dag.tasks[task].teardown.is_none_or(|of| of.on_failure_fail_dagrun);
        let is_leaf = |task: &usize| matters(*task) && !self.downstream(*task).into_iter().any(matters);
        let mut leaves: Vec<usize> = (0..states.len()).filter(is_leaf).collect();
        if leaves.is_empty() {
            leaves = (0..states.len()).filter(|task| self.downstream(*task).is_empty()).collect();
        }
        let has_failed = leaves.into_iter().any(|leaf| matches!(states[leaf], S::Failed | S::UpstreamFailed));
        if has_failed { DagRunState::Failed } else { DagRunState::Success }
    }
}

/// The rules of Airflow's documentation with its early decisions, over the states of the direct upstreams.
#[expect(clippy::match_same_arms, reason = "one arm for each early decision")]
fn by_rule(rule: R, upstream: &[S]) -> Must {
    let any = |wanted: &[S]| upstream.iter().any(|state| wanted.contains(state));
    let done = upstream.iter().all(|state| state.is_finished());
    let failed = [S::Failed, S::UpstreamFailed];
    let when_done = |then: Must| if done { then } else { Must::Wait };
    match rule {
        R::AllSuccess if any(&failed) => Must::BeUpstreamFailed,
        R::AllSuccess | R::NoneSkipped if any(&[S::Skipped]) => Must::BeSkipped,
        R::AllFailed if any(&[S::Success, S::Skipped]) => Must::BeSkipped,
        R::AllSkipped if any(&[S::Success, S::Failed, S::UpstreamFailed]) => Must::BeSkipped,
        R::NoneFailed | R::NoneFailedMinOneSuccess if any(&failed) => Must::BeUpstreamFailed,
        R::AllDoneMinOneSuccess if any(&[S::Skipped]) => Must::BeSkipped,
        R::OneSuccess if any(&[S::Success]) => Must::Run,
        R::OneFailed if any(&failed) => Must::Run,
        R::OneDone if any(&[S::Success, S::Failed]) => Must::Run,
        R::OneSuccess if any(&failed) => when_done(Must::BeUpstreamFailed),
        R::OneSuccess | R::OneFailed | R::OneDone => when_done(Must::BeSkipped),
        R::AllDoneMinOneSuccess if !any(&[S::Success]) => when_done(Must::BeUpstreamFailed),
        R::NoneFailedMinOneSuccess if !any(&[S::Success]) => when_done(Must::BeSkipped),
        _ => when_done(Must::Run),
    }
}

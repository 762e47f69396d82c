//! One attempt that is looked for.

use jiff::Timestamp;
use model::attempt::{AttemptEvent, Finished, Outcome, Report};
use model::mask::{Masker, marks};
use model::operator::Operator;
use model::wait::{Awaited, Event, Look, Sensor, next_look};
use model::xcom::XComValue;

use crate::plan::Watch;

pub(super) struct Entry {
    pub(super) watch: Watch,
    /// What to look for, with its secrets; none where they cannot be decrypted.
    pub(super) awaited: Option<Awaited>,
    /// What of it is not shown.
    masker: Masker,
    /// How often somebody has looked.
    looks: u32,
    /// When to look next; none while a look is under way.
    pub(super) due: Option<Timestamp>,
    /// Something happened while a look was under way: look again at once.
    pub(super) is_hurried: bool,
    /// The run that it has triggered and waits for.
    pub(super) triggered: Option<String>,
}

impl Entry {
    pub(super) fn new(watch: Watch, now: Timestamp) -> Self {
        let (mut is_whole, mut masker) = (true, Masker::default());
        let awaited = watch.wait.awaited.with_texts(|text| {
            marks::learn(text, &mut masker);
            let used = marks::used(text);
            is_whole &= used.is_some();
            used.unwrap_or_default()
        });
        let awaited = is_whole.then_some(awaited);
        let mut entry = Self { looks: 0, due: Some(now), is_hurried: false, triggered: None, watch, awaited, masker };
        if let Some(look) = entry.watch.wait.look.clone() {
            entry.looks = look.number;
            // A run that was perhaps not triggered before a restart is not put off.
            if !matches!(entry.watch.wait.awaited, Awaited::Trigger(_)) {
                entry.due = Some(entry.next(look.at).max(now));
            }
        }
        entry
    }

    /// The DAG of which a run is waited for.
    pub(super) fn other_dag(&self) -> Option<&str> {
        match self.awaited.as_ref()? {
            Awaited::Run(other) => Some(&other.dag_id),
            Awaited::Trigger(trigger) => Some(&trigger.dag_id),
            Awaited::File { .. }
            | Awaited::Time { .. }
            | Awaited::Http(_)
            | Awaited::Sql { .. }
            | Awaited::Approval(_)
            | Awaited::Delivery { .. }
            | Awaited::Python => None,
        }
    }

    /// Whether it waits for the end of the run that it triggers.
    pub(super) fn waits_for_end(&self) -> bool {
        matches!(&self.watch.wait.awaited, Awaited::Trigger(trigger) if trigger.wait)
    }

    fn next(&self, at: Timestamp) -> Timestamp {
        match &self.watch.attempt.task().operator {
            Operator::Sensor(sensor) => next_look(sensor, self.looks, at),
            _ => next_look(&Sensor::new(Event::File(String::new())), self.looks, at),
        }
    }

    /// Notes a look in vain; when the next one is due.
    pub(super) fn looked(&mut self, at: Timestamp, saw: &str) -> (Timestamp, Look) {
        let saw = self.masker.mask(saw).into_owned();
        self.looks += 1;
        let due = if std::mem::take(&mut self.is_hurried) { at } else { self.next(at) };
        self.due = Some(due);
        (due, Look { at, number: self.looks, saw })
    }

    pub(super) fn report(&self, outcome: Outcome, xcoms: Vec<XComValue>, at: Timestamp) -> Report {
        let (attempt, started_at) = (&self.watch.attempt, self.watch.wait.since);
        let outcome = match outcome {
            Outcome::Failed { reason, exit_code, may_retry } => {
                Outcome::Failed { reason: self.masker.mask(&reason).into_owned(), exit_code, may_retry }
            }
            other => other,
        };
        let event =
            AttemptEvent::Finished(Finished { started_at, ended_at: at, outcome, xcoms, outlet_events: Vec::new() });
        Report { token: attempt.token, key: attempt.key, event }
    }
}

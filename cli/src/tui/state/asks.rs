//! When to ask what: at most one request of a kind at a time, and a pause after each.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::tui::ask::Kind;

/// Tells the answer to one request from that to another of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tui) struct Ticket(pub(in crate::tui) u64);

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    ticket: Ticket,
    since: Timestamp,
}

/// The requests that are under way, and when each kind is to be asked again.
#[derive(Debug, Default)]
pub(super) struct Asks {
    last: u64,
    under_way: BTreeMap<Kind, UnderWay>,
    due: BTreeMap<Kind, Timestamp>,
}

impl Asks {
    /// Whether a request of this kind may be made now.
    pub(super) fn may(&self, kind: Kind, now: Timestamp) -> bool {
        !self.is_under_way(kind) && self.due.get(&kind).is_none_or(|due| *due <= now)
    }

    pub(super) fn is_under_way(&self, kind: Kind) -> bool {
        self.under_way.contains_key(&kind)
    }

    /// Begins a request.
    pub(super) fn begin(&mut self, kind: Kind, now: Timestamp) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.under_way.insert(kind, UnderWay { ticket, since: now });
        ticket
    }

    /// Its answer is there: its kind, and how long it took. None when nobody waits for it any more.
    pub(super) fn end(&mut self, ticket: Ticket, now: Timestamp) -> Option<(Kind, SignedDuration)> {
        let (kind, begun) = self.under_way.iter().find(|(_, begun)| begun.ticket == ticket)?;
        let (kind, took) = (*kind, now.duration_since(begun.since));
        self.under_way.remove(&kind);
        Some((kind, took))
    }

    /// Asks nothing of this kind for a while.
    pub(super) fn rest(&mut self, kind: Kind, until: Timestamp) {
        self.due.insert(kind, until);
    }

    /// Lets everything but a change be asked at once, and waits for nothing of it that is under way: those kinds.
    pub(super) fn start_over(&mut self) -> Vec<Kind> {
        self.due.clear();
        let given_up: Vec<_> = self.under_way.keys().copied().filter(|kind| *kind != Kind::Change).collect();
        self.under_way.retain(|kind, _| *kind == Kind::Change);
        given_up
    }

    /// Lets a kind be asked at once; whether something of it was under way, for which nobody waits any more.
    pub(super) fn give_up(&mut self, kind: Kind) -> bool {
        self.due.remove(&kind);
        self.under_way.remove(&kind).is_some()
    }

    /// Since when the oldest request waits for its answer.
    pub(super) fn waiting_since(&self) -> Option<Timestamp> {
        self.under_way.values().map(|begun| begun.since).min()
    }
}

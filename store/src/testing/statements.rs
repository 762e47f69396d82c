//! What sqlx says of the statements that it sends: for tests that count them, and benchmarks that time them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A statement that was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// What the comment at its beginning calls it.
    pub name: String,
    /// How long it took.
    pub took: Duration,
}

/// Listens, once it is a thread's or the process's subscriber.
#[derive(Debug, Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<Sent>>>);

impl Statements {
    /// Those since the last time.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Visit for Sent {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::from_secs_f64(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            let name = value.trim_start_matches([' ', '-']).split_whitespace().next();
            name.unwrap_or_default().clone_into(&mut self.name);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut sent = Sent::default();
        event.record(&mut sent);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

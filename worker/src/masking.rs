//! The secrets that an attempt has looked up, shared by those who look up and those who write what it prints.

use std::sync::{Arc, Mutex, PoisonError};

use model::mask::Masker;

/// What must not be shown. Learned before the process gets it, so that it cannot print what is not known yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Masker>>);

impl Known {
    /// Reads it, or adds to it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Masker) -> T) -> T {
        // Nobody can panic half way through learning a text.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A text without the secrets.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.with(|masker| masker.mask(text).into_owned())
    }
}

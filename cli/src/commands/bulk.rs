//! What became of an import.

use std::process::ExitCode;

use api::BulkOutcome;

/// Tells it; the exit code.
pub(super) fn told(outcome: Option<BulkOutcome>) -> ExitCode {
    let outcome = outcome.unwrap_or_default();
    for error in &outcome.errors {
        anstream::eprintln!("not imported: {}", error.error);
    }
    anstream::eprintln!("{} of {} imported", outcome.success.len(), outcome.success.len() + outcome.errors.len());
    if outcome.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

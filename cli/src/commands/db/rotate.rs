//! `flowctl db rotate-key`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::services::{self, Access};

/// Encrypts all variables and connections anew.
pub(super) async fn run(access: &Access) -> anyhow::Result<ExitCode> {
    services::require_migrated(&access.store).await?;
    if access.store.keys().is_empty() {
        return Err(Failure::failed(store::KeyError::NoKey.to_string()).into());
    }
    let done = access.store.rotate_keys(&services::by()).await?;
    anstream::eprintln!(
        "{} variables and {} connections are encrypted with the first key",
        done.variables,
        done.connections
    );
    for what in &done.unreadable {
        anstream::eprintln!("not rotated: {what}: {}", store::KeyError::Undecryptable);
    }
    Ok(if done.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

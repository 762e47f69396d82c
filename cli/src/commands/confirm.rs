//! Asking before something goes that cannot be had back.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::Context;
use clap::Args;

use crate::failure::Failure;

/// The flag of commands that delete history.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Confirm {
    /// Does not ask. Outside of a terminal nobody can be asked, so it must be given.
    #[arg(long, short)]
    yes: bool,
}

impl Confirm {
    /// Asks whether that is meant; anything but a yes is a refusal.
    pub(super) fn that(self, what: &str) -> anyhow::Result<()> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::usage(format!("this would {what}")).hint("--yes says that it is meant").into());
        }
        anstream::eprint!("{what}? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).context("the answer cannot be read")?;
        if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            Ok(())
        } else {
            Err(Failure::failed("nothing was deleted").into())
        }
    }
}

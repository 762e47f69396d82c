//! How a command fails: a message, what to do next, and an exit code.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::client;

/// Exit codes, as the help of `flowctl` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// It was tried and failed.
    Failed = 1,
    /// It was asked for wrongly.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The server cannot be reached, or refuses the credentials.
    Unreachable = 4,
    /// Ctrl-C, as shells tell it.
    Interrupted = 130,
}

/// Why a command failed. It travels in an [`anyhow::Error`]; `main` finds it there with [`Failure::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

impl Failure {
    /// A failure with any code.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// It was tried and failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    /// It was asked for wrongly.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// What was named does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The failure that an error is or was caused by; any other error is [`Code::Failed`] with its whole chain.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let known = error.chain().find_map(|cause| {
            cause.downcast_ref::<Self>().cloned().or_else(|| cause.downcast_ref::<client::Error>().map(Self::from))
        });
        known.unwrap_or_else(|| Self::failed(format!("{error:#}")))
    }

    /// What the process ends with.
    pub(crate) fn code(&self) -> ExitCode {
        self.code.into()
    }

    /// Says it on stderr.
    pub(crate) fn tell(&self) {
        let (red, dim) = (Style::new().bold().fg_color(Some(AnsiColor::Red.into())), Style::new().dimmed());
        anstream::eprintln!("{red}error:{red:#} {}", self.message);
        if let Some(hint) = &self.hint {
            anstream::eprintln!("{dim}hint:{dim:#} {hint}");
        }
    }
}

/// Whether nobody reads what is printed any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.into_iter().any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<&client::Error> for Failure {
    fn from(error: &client::Error) -> Self {
        let failure = |code| Self::new(code, error.to_string());
        match error {
            client::Error::Unreachable { .. } => failure(Code::Unreachable)
                .hint("start one with `flowctl standalone`, or name one with --server or FLOWCTL_SERVER"),
            client::Error::NotFlowctl { .. } => {
                failure(Code::Unreachable).hint("name the address of a flowctl server with --server")
            }
            client::Error::LoginRequired { .. } => failure(Code::Unreachable).hint("`flowctl login` gets a token"),
            client::Error::Forbidden => failure(Code::Unreachable).hint("an account with another role may do this"),
            client::Error::NotFound { .. } => failure(Code::NotFound),
            client::Error::Refused { status: 400 | 422, .. } => failure(Code::Usage),
            client::Error::Refused { .. } | client::Error::Broken { .. } | client::Error::NoOperation { .. } => {
                failure(Code::Failed)
            }
        }
    }
}

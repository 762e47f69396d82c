//! How a process ended, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

/// What the shell adds to a signal's number when a command in it was killed.
const SHELL_SIGNAL: i32 = 128;

/// How a process ended, in words for a person; none for success.
pub(crate) fn in_words(status: ExitStatus) -> Option<String> {
    if let Some(signal) = status.signal() {
        return Some(format!("killed by {}", signal_in_words(signal)));
    }
    match status.code()? {
        0 => None,
        127 => Some("command not found (exit code 127)".to_owned()),
        126 => Some("command cannot be executed (exit code 126)".to_owned()),
        code if code > SHELL_SIGNAL && Signal::try_from(code - SHELL_SIGNAL).is_ok() => {
            Some(format!("exit code {code} (a command was killed by {})", signal_in_words(code - SHELL_SIGNAL)))
        }
        code => Some(format!("exit code {code}")),
    }
}

fn signal_in_words(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(Signal::SIGKILL) => "SIGKILL (out of memory?)".to_owned(),
        Ok(Signal::SIGSEGV) => "SIGSEGV (invalid memory access)".to_owned(),
        Ok(Signal::SIGABRT) => "SIGABRT (it aborted itself)".to_owned(),
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_words() {
        let words = |raw| in_words(ExitStatus::from_raw(raw));
        assert_eq!(words(0), None);
        assert_eq!(words(1 << 8).unwrap(), "exit code 1");
        assert_eq!(words(9).unwrap(), "killed by SIGKILL (out of memory?)");
        assert_eq!(words(15).unwrap(), "killed by SIGTERM");
        assert_eq!(words(127 << 8).unwrap(), "command not found (exit code 127)");
        assert_eq!(words(137 << 8).unwrap(), "exit code 137 (a command was killed by SIGKILL (out of memory?))");
        assert_eq!(words(255 << 8).unwrap(), "exit code 255");
        assert_eq!(words(40).unwrap(), "killed by signal 40");
    }
}

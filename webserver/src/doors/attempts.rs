//! Failed logins, so that passwords cannot be guessed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// So many failures of an account from an address are let through …
const MAX_FAILURES: u32 = 10;
/// … in this time.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// Pairs of account and address that are remembered before those whose time is over are forgotten.
const MAX_PAIRS: usize = 10_000;

type Pair = (String, Option<IpAddr>);

/// Counts failures per account and address, in memory.
#[derive(Debug, Default)]
pub(super) struct LoginAttempts(Mutex<HashMap<Pair, (Timestamp, u32)>>);

impl LoginAttempts {
    /// Counts an attempt before its password is looked at, or it would not count while many are under way; false when
    /// there have been too many.
    pub(super) fn begin(&self, username: &str, from: Option<IpAddr>, now: Timestamp) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_PAIRS {
            failures.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        }
        let (since, count) = failures.entry((username.to_owned(), from)).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= MAX_FAILURES
    }

    /// The password was right: earlier failures do not count any more.
    pub(super) fn succeed(&self, username: &str, from: Option<IpAddr>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(username.to_owned(), from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_locked_for_an_address_until_its_minute_is_over() {
        let attempts = LoginAttempts::default();
        let now = Timestamp::UNIX_EPOCH;
        let here = Some(IpAddr::from([127, 0, 0, 1]));
        let tries = (0..20).filter(|_| attempts.begin("ada", here, now)).count();
        assert_eq!(tries, 10);
        assert!(attempts.begin("ada", None, now) && attempts.begin("bob", here, now));
        assert!(attempts.begin("ada", here, now + WINDOW));
    }

    #[test]
    fn a_right_password_takes_earlier_failures_back() {
        let attempts = LoginAttempts::default();
        for _ in 0..10 {
            attempts.begin("ada", None, Timestamp::UNIX_EPOCH);
        }
        attempts.succeed("ada", None);
        assert!(attempts.begin("ada", None, Timestamp::UNIX_EPOCH));
    }
}

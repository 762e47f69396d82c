//! Failed logins, so that passwords cannot be guessed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// … in this time.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// What is counted before that whose time is over is forgotten.
const MAX_COUNTED: usize = 10_000;

/// What failures are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    /// Somebody who guesses at a password.
    Pair(String, Option<IpAddr>),
    /// Somebody who guesses at many accounts.
    Address(IpAddr),
    /// Many who guess at one account.
    Account(String),
}

impl Counted {
    fn all(username: &str, from: Option<IpAddr>) -> impl Iterator<Item = Self> {
        let pair = Self::Pair(username.to_owned(), from);
        [Some(pair), from.map(Self::Address), Some(Self::Account(username.to_owned()))].into_iter().flatten()
    }

    /// So many failures are let through …
    const fn most(&self) -> u32 {
        match self {
            Self::Pair(..) => 10,
            Self::Address(_) => 50,
            Self::Account(_) => 100,
        }
    }
}

/// Counts failures per account, per address and per account and address, in memory.
#[derive(Debug, Default)]
pub(super) struct LoginAttempts(Mutex<HashMap<Counted, (Timestamp, u32)>>);

impl LoginAttempts {
    /// Counts an attempt before its password is looked at, or it would not count while many are under way; false when
    /// there have been too many.
    pub(super) fn begin(&self, username: &str, from: Option<IpAddr>, now: Timestamp) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_COUNTED {
            failures.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        }
        let mut is_let_in = true;
        for counted in Counted::all(username, from) {
            let most = counted.most();
            let (since, count) = failures.entry(counted).or_insert((now, 0));
            if now.duration_since(*since) >= WINDOW {
                (*since, *count) = (now, 0);
            }
            *count = count.saturating_add(1);
            is_let_in &= *count <= most;
        }
        is_let_in
    }

    /// The password was right: earlier failures of this account from this address do not count any more.
    pub(super) fn succeed(&self, username: &str, from: Option<IpAddr>) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = Counted::Pair(username.to_owned(), from);
        let Some((_, own)) = failures.remove(&pair) else { return };
        for counted in Counted::all(username, from).filter(|counted| *counted != pair) {
            if let Some((_, count)) = failures.get_mut(&counted) {
                *count = count.saturating_sub(own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn an_account_is_locked_for_an_address_until_its_minute_is_over() {
        let attempts = LoginAttempts::default();
        let tries = (0..20).filter(|_| attempts.begin("ada", Some(address(1)), NOW)).count();
        assert_eq!(tries, 10);
        assert!(attempts.begin("ada", None, NOW) && attempts.begin("bob", Some(address(1)), NOW));
        assert!(attempts.begin("ada", Some(address(1)), NOW + WINDOW));
    }

    #[test]
    fn an_address_that_guesses_at_many_accounts_is_locked() {
        let attempts = LoginAttempts::default();
        let tries = (0..200).filter(|turn| attempts.begin(&format!("account-{turn}"), Some(address(1)), NOW)).count();
        assert_eq!(tries, 50);
        assert!(!attempts.begin("ada", Some(address(1)), NOW) && attempts.begin("ada", Some(address(2)), NOW));
    }

    #[test]
    fn an_account_that_many_addresses_guess_at_is_locked() {
        let attempts = LoginAttempts::default();
        let tries = (0..200).filter(|turn| attempts.begin("ada", Some(address(*turn)), NOW)).count();
        assert_eq!(tries, 100);
        assert!(attempts.begin("bob", Some(address(1)), NOW));
    }

    #[test]
    fn a_right_password_takes_earlier_failures_back() {
        let attempts = LoginAttempts::default();
        for _ in 0..60 {
            assert!(attempts.begin("ada", Some(address(1)), NOW));
            attempts.succeed("ada", Some(address(1)));
        }
        assert!(attempts.begin("ada", Some(address(1)), NOW));
    }
}

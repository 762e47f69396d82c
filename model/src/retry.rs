//! Retries: which failures are tried again, and when.

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use sha1::{Digest, Sha1};

use crate::dag::Task;

/// No delay that grows grows beyond a day (Airflow's `max_task_retry_delay`).
const MAX_RETRY_DELAY: u32 = 24 * 60 * 60;

/// What is known of an attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// In words for a person.
    pub reason: &'a str,
    /// Of its process, when it ended by one.
    pub exit_code: Option<i32>,
    /// It took longer than `execution_timeout`.
    pub timed_out: bool,
    /// The last lines of its output.
    pub output: &'a str,
}

/// Why a task's `retry_on` and `fail_on` say that such a failure is not tried again, in words for a person; nothing when
/// they let it. Exit codes of `fail_on` go before everything else.
pub fn refusal(task: &Task, failure: &Failure<'_>) -> Option<String> {
    if let Some(fail_on) = &task.fail_on {
        if let Some(code) = failure.exit_code.filter(|code| fail_on.exit_codes.contains(code)) {
            return Some(format!("`fail_on` has exit code {code}"));
        }
        if let Some(pattern) = fail_on.pattern.as_ref().filter(|pattern| is_found(pattern, failure)) {
            return Some(format!("`fail_on` matches `{pattern}`"));
        }
    }
    let retry_on = task.retry_on.as_ref()?;
    let is_named = failure.exit_code.is_some_and(|code| retry_on.exit_codes.contains(&code))
        || (retry_on.timeout && failure.timed_out)
        || retry_on.pattern.as_ref().is_some_and(|pattern| is_found(pattern, failure));
    (!is_named).then(|| "`retry_on` does not name it".to_owned())
}

/// Patterns are checked with the DAG file; one that does not compile after all finds nothing.
fn is_found(pattern: &str, failure: &Failure<'_>) -> bool {
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(failure.reason) || regex.is_match(failure.output))
}

/// Which attempt of which task instance failed: what the jitter is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// Its DAG.
    pub dag_id: &'a str,
    /// Its run's logical date.
    pub logical_date: Option<Timestamp>,
    /// From 1, with those that were lost or cleared.
    pub try_number: u32,
    /// How many attempts since it was last cleared failed, with this one. Lost ones do not make the delay grow.
    pub failures: u32,
}

/// How long after a failed attempt the next one is made: `retry_delay`, or, when it grows, between one and two times the
/// grown delay, by a hash as in Airflow, so that tasks that failed together do not come back together and the same attempt
/// always waits equally long.
pub fn delay(task: &Task, failed: &Failed<'_>) -> SignedDuration {
    let base = task.retry_delay.absolute();
    let multiplier = task.retry_exponential_backoff.filter(|multiplier| *multiplier > 0.0);
    let Some(multiplier) = multiplier.filter(|multiplier| (*multiplier - 1.0).abs() > f64::EPSILON) else {
        return base;
    };
    let exponent = i32::try_from(failed.failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let factor = multiplier.powi(exponent);
    let grown = if factor.is_finite() { (base.as_secs_f64() * factor).ceil() } else { f64::INFINITY };
    // Beyond this the cap decides, whatever the jitter.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a day")]
    let least = grown.clamp(1.0, f64::from(MAX_RETRY_DELAY)) as u64;
    let seconds = (least + jitter(task, failed, least)).min(u64::from(MAX_RETRY_DELAY));
    let delay = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    task.max_retry_delay.map_or(delay, |most| delay.min(most.absolute()))
}

/// A number below `bound`: SHA-1 of what names the attempt, as a number of 160 bits, modulo `bound`.
fn jitter(task: &Task, failed: &Failed<'_>, bound: u64) -> u64 {
    let date = failed.logical_date.map_or_else(|| "None".to_owned(), python_text);
    let named = format!("{}#{}#{date}#{}", failed.dag_id, task.task_id, failed.try_number);
    let digest = Sha1::digest(named.as_bytes());
    digest.iter().fold(0, |rest, byte| (rest * 256 + u64::from(*byte)) % bound)
}

/// An instant as Python's `str(datetime)` writes it in UTC.
fn python_text(at: Timestamp) -> String {
    crate::dag_run::isoformat(at).replacen('T', " ", 1)
}

#[cfg(test)]
mod tests;

use super::*;
use crate::dag::{FailOn, RetryOn};
use crate::duration::Duration;
use crate::operator::Operator;

fn task() -> Task {
    Task { retries: 3, ..Task::new("load.rows", Operator::Empty) }
}

#[test]
fn retries_wait_exactly_as_long_as_in_airflow() {
    let mut compared = 0;
    for line in include_str!("../../fixtures/retries/airflow.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let seconds = |text: &str| SignedDuration::from_secs_f64(text.parse().unwrap());
        let duration = |text: &str| -> Duration { format!("PT{text}S").parse().unwrap() };
        let mut task = Task::new(fields[1], Operator::Empty);
        task.retry_delay = duration(fields[3]);
        task.retry_exponential_backoff = Some(fields[4].parse().unwrap());
        task.max_retry_delay = (fields[5] != "-").then(|| duration(fields[5]));
        let number = fields[6].parse().unwrap();
        let failed = Failed {
            dag_id: fields[0],
            logical_date: (fields[2] != "-").then(|| fields[2].parse().unwrap()),
            try_number: number,
            failures: number,
        };
        assert_eq!(delay(&task, &failed), seconds(fields[7]), "{line}");
        compared += 1;
    }
    assert_eq!(compared, 336);
}

#[test]
fn lost_attempts_do_not_make_the_delay_grow() {
    let mut task = task();
    task.retry_exponential_backoff = Some(2.0);
    let failed = |try_number, failures| Failed { dag_id: "d", logical_date: None, try_number, failures };
    let base = SignedDuration::from_secs(300);
    assert!((base..base * 2).contains(&delay(&task, &failed(40, 1))));
    assert!((base * 2..base * 4).contains(&delay(&task, &failed(41, 2))));
}

#[test]
fn what_is_tried_again_is_what_retry_on_names_and_fail_on_does_not() {
    let plain = Failure { reason: "exit code 3", exit_code: Some(3), timed_out: false, output: "rate limit: 429\n" };
    let timed_out = Failure { reason: "timed out after 1m", exit_code: None, timed_out: true, output: "" };
    let mut task = task();
    assert_eq!(refusal(&task, &plain), None);
    task.retry_on = Some(RetryOn { exit_codes: vec![3], ..RetryOn::default() });
    assert_eq!(refusal(&task, &plain), None);
    assert_eq!(refusal(&task, &timed_out).as_deref(), Some("`retry_on` does not name it"));
    task.retry_on = Some(RetryOn { timeout: true, pattern: Some("4[0-9]{2}".to_owned()), ..RetryOn::default() });
    assert_eq!(refusal(&task, &timed_out), None);
    assert_eq!(refusal(&task, &plain), None);
    task.fail_on = Some(FailOn { exit_codes: vec![3], pattern: None });
    assert_eq!(refusal(&task, &plain).as_deref(), Some("`fail_on` has exit code 3"));
    task.fail_on = Some(FailOn { exit_codes: Vec::new(), pattern: Some("(?i)RATE LIMIT".to_owned()) });
    assert_eq!(refusal(&task, &plain).as_deref(), Some("`fail_on` matches `(?i)RATE LIMIT`"));
    assert_eq!(refusal(&task, &timed_out), None);
}

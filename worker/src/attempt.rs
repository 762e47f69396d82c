//! One attempt, from its templates to its outcome.

use jiff::Timestamp;
use model::asset::OutletEvent;
use model::attempt::{Attempt, Finished, Outcome};
use model::operator::{Operator, is_true, is_truthy};
use model::retry::{Failure, refusal};
use model::xcom::{RETURN_VALUE, XComValue};
use serde_json::Value;
use std::process::ExitStatus;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::WorkerConfig;
use crate::launch::{NotLaunched, passing, prepare};
use crate::masking::Known;
use crate::output::Output;
use crate::scratch::Scratch;
use crate::supervise::{Ending, Group, Limits, supervise};
use crate::values::Values;
use crate::{exit, outlets, python, questions, xcom_file};

/// Why an attempt failed that was stopped from outside.
pub const STOPPED: &str = "stopped";
/// How much of a returned value is shown in the log.
const MAX_SHOWN: usize = 1000;
/// The exit code by which any process skips its task.
const SKIP: i32 = 99;

/// Runs one attempt to its end. `started` is told the process id and the time once there is a process; `stop` ends it
/// softly, then hard; it is cancelled here when the attempt times out, so that it tells which attempts were ended from
/// outside. Never fails: what goes wrong is the outcome.
pub async fn run_attempt<V: Values, C: Clock>(
    attempt: &Attempt,
    values: &V,
    config: &WorkerConfig,
    clock: &C,
    started: impl FnOnce(i32, Timestamp) + Send,
    stop: CancellationToken,
) -> Finished {
    let mut started_at = clock.now();
    let known = Known::default();
    let mut output = Output::new(attempt, config, clock, known.clone());
    let noting = |pid, at| {
        started_at = at;
        started(pid, at);
    };
    let (outcome, xcoms, outlet_events) = match run(attempt, values, config, clock, noting, &stop, &mut output).await {
        Ok(ended) => ended,
        Err(not_launched) => (not_launched.into_outcome(), Vec::new(), Vec::new()),
    };
    let outcome = without_secrets(outcome, &known);
    // Whoever may read runs may read what tasks push.
    let masked = |xcom: XComValue| XComValue { value: known.with(|masker| masker.mask_json(xcom.value)), ..xcom };
    let xcoms = xcoms.into_iter().map(masked).collect();
    match &outcome {
        Outcome::Failed { reason, .. } => output.say(&format!("failed: {reason}")),
        Outcome::Skipped { reason } => output.say(&format!("skipped: {reason}")),
        Outcome::NotYet { saw } => output.say(&format!("not yet: {saw}")),
        Outcome::Success | Outcome::Branch { .. } | Outcome::ShortCircuit { .. } | Outcome::Lost { .. } => {}
    }
    output.log.flush();
    let outcome = with_log_failure(outcome, output.log.failure());
    Finished { started_at, ended_at: clock.now(), outcome, xcoms, outlet_events }
}

type Ended = (Outcome, Vec<XComValue>, Vec<OutletEvent>);

async fn run<V: Values, C: Clock>(
    attempt: &Attempt,
    values: &V,
    config: &WorkerConfig,
    clock: &C,
    started: impl FnOnce(i32, Timestamp) + Send,
    stop: &CancellationToken,
    output: &mut Output<'_, C>,
) -> Result<Ended, NotLaunched> {
    let operator = &attempt.task().operator;
    if let Operator::Bash(bash) = operator
        && !output.set_encoding(&bash.output_encoding)
    {
        let reason = format!(
            "output_encoding `{}` is not known (utf-8, euc-kr, shift_jis, latin1, … are)",
            bash.output_encoding
        );
        return Err(NotLaunched { reason, may_retry: false });
    }
    let scratch = Scratch::make(&config.run_folder, attempt.token)
        .map_err(|error| passing("the scratch folder cannot be made", &error))?;
    let mut launch = tokio::select! {
        launch = prepare(attempt, values, config, &scratch, &output.known) => launch?,
        () = stop.cancelled() => return Err(stopped()),
    };
    if let Some(fields) = launch.rendered.take()
        && let Err(error) = output.log.keep_rendered(fields, &output.known)
    {
        output.say(&format!("what its templates became cannot be kept: {error}"));
    }
    let listener = if matches!(operator, Operator::Bash(_)) {
        None
    } else {
        Some(questions::listen(&scratch).map_err(|error| passing("the socket for XComs cannot be opened", &error))?)
    };
    if stop.is_cancelled() {
        return Err(stopped());
    }
    let child = launch.spawn()?;
    let pid = child.id().map_or(0, u32::cast_signed);
    started(pid, clock.now());
    let timeout = attempt.task().execution_timeout.and_then(|timeout| timeout.absolute().try_into().ok());
    let limits = Limits {
        stop,
        times_out_at: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        cleanup_time: config.killed_task_cleanup_time,
    };
    let known = output.known.clone();
    let answering = async {
        match listener {
            Some(listener) => questions::answer_all(listener, attempt, values, &known).await,
            None => std::future::pending().await,
        }
    };
    let (status, ending) = tokio::select! {
        ended = supervise(child, Group::of(pid), output, &limits) => ended,
        () = answering => (Err(std::io::Error::other("the socket for XComs closed")), None),
    };
    let status = status.map_err(|error| passing("how the process ended is not known", &error))?;
    let Some(ending) = ending else {
        let (outcome, xcoms, outlet_events) = ended(attempt, config, &scratch, status, output);
        return Ok((by_policy(outcome, attempt, false, &output.tail()), xcoms, outlet_events));
    };
    // Also when it timed out: whoever holds the token looks for what left the group.
    stop.cancel();
    let has_timed_out = matches!(ending, Ending::TimedOut);
    Ok((by_policy(ended_from_outside(ending, attempt), attempt, has_timed_out, &output.tail()), Vec::new(), Vec::new()))
}

/// A failure that could be tried again is not when the task's `retry_on` or `fail_on` says so; its reason then says that.
fn by_policy(outcome: Outcome, attempt: &Attempt, timed_out: bool, tail: &str) -> Outcome {
    let Outcome::Failed { reason, exit_code, may_retry: true } = outcome else { return outcome };
    let failure = Failure { reason: &reason, exit_code, timed_out, output: tail };
    match refusal(attempt.task(), &failure) {
        Some(refusal) => {
            Outcome::Failed { reason: format!("{reason} (not tried again: {refusal})"), exit_code, may_retry: false }
        }
        None => Outcome::Failed { reason, exit_code, may_retry: true },
    }
}

fn stopped() -> NotLaunched {
    NotLaunched { reason: STOPPED.to_owned(), may_retry: false }
}

fn ended_from_outside(ending: Ending, attempt: &Attempt) -> Outcome {
    match ending {
        Ending::Stopped => stopped().into_outcome(),
        Ending::TimedOut => {
            let timeout = attempt.task().execution_timeout.unwrap_or_default().absolute();
            Outcome::Failed {
                reason: format!("timed out after {timeout:#} (execution_timeout)"),
                exit_code: None,
                may_retry: true,
            }
        }
    }
}

/// The outcome and the XComs of a process that ended by itself.
fn ended<C: Clock>(
    attempt: &Attempt,
    config: &WorkerConfig,
    scratch: &Scratch,
    status: ExitStatus,
    output: &mut Output<'_, C>,
) -> Ended {
    let mut outcome = by_status(&attempt.task().operator, status);
    let mut xcoms = Vec::new();
    let mut outlet_events = Vec::new();
    let mut refuse = |reason: String| outcome = Outcome::Failed { reason, exit_code: status.code(), may_retry: true };
    match std::fs::read(scratch.file("xcom")) {
        Ok(bytes) => match xcom_file::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(found) => xcoms = found,
            Err(problem) if status.success() => {
                refuse(format!("$FLOWCTL_XCOM cannot be read: {problem}"));
            }
            Err(_) => {}
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => refuse(format!("$FLOWCTL_XCOM cannot be read: {error}")),
    }
    match std::fs::read(scratch.file("outlet_events")) {
        Ok(bytes) if status.success() => match outlets::parse(attempt, &String::from_utf8_lossy(&bytes)) {
            Ok(found) => outlet_events = found,
            Err(problem) => refuse(format!("$FLOWCTL_OUTLET_EVENTS cannot be read: {problem}")),
        },
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            refuse(format!("$FLOWCTL_OUTLET_EVENTS cannot be read: {error}"));
        }
        Ok(_) | Err(_) => {}
    }
    if matches!(attempt.task().operator, Operator::Bash(_)) {
        if status.success() && attempt.task().do_xcom_push {
            push_last_line(&mut xcoms, config, output);
        }
    } else {
        outcome = python_ended(attempt, scratch, outcome, &mut xcoms, &mut outlet_events, output);
    }
    let problem = too_large(&xcoms, config.xcom_max_size);
    if let Some(problem) = problem.or_else(|| too_large_extra(&outlet_events, config.xcom_max_size)) {
        xcoms.clear();
        outcome = Outcome::Failed { reason: problem, exit_code: status.code(), may_retry: false };
    }
    (outcome, xcoms, outlet_events)
}

fn by_status(operator: &Operator, status: ExitStatus) -> Outcome {
    let skips_on = if let Operator::Bash(bash) = operator { bash.skip_on_exit_code } else { Some(SKIP) };
    match exit::in_words(status) {
        None => Outcome::Success,
        Some(reason) if skips_on.is_some() && status.code() == skips_on => Outcome::Skipped { reason },
        Some(reason) => Outcome::Failed { reason, exit_code: status.code(), may_retry: true },
    }
}

/// The last line of standard output is `return_value`, unless the file said something else. Nobody asked for it, so one
/// that is too long is left out with a remark and fails nothing.
fn push_last_line<C: Clock>(xcoms: &mut Vec<XComValue>, config: &WorkerConfig, output: &mut Output<'_, C>) {
    if xcoms.iter().any(|xcom| xcom.key == RETURN_VALUE) {
        return;
    }
    match output.take_last_line() {
        Ok(Some(line)) if json_len(&line) <= config.xcom_max_size => {
            xcoms.push(XComValue { key: RETURN_VALUE.to_owned(), value: Value::String(line) });
        }
        Ok(None) => {}
        Ok(Some(_)) | Err(()) => output.say(&format!(
            "the last line of stdout is not kept as XCom: it is longer than {} bytes (xcom_max_size)",
            config.xcom_max_size
        )),
    }
}

fn python_ended<C: Clock>(
    attempt: &Attempt,
    scratch: &Scratch,
    by_status: Outcome,
    xcoms: &mut Vec<XComValue>,
    outlet_events: &mut Vec<OutletEvent>,
    output: &mut Output<'_, C>,
) -> Outcome {
    let task = attempt.task();
    let mut reported = python::read_result(scratch);
    let said = std::mem::take(&mut reported.outlet_events);
    xcoms.extend(reported.pushed);
    // A result is believed only together with the exit code that the runner gives it: something may have killed the
    // process after it wrote the result.
    let mut outcome = match (reported.outcome, by_status) {
        (Some(outcome), by_status) if std::mem::discriminant(&outcome) == std::mem::discriminant(&by_status) => outcome,
        (None, Outcome::Success) if !matches!(attempt_call(attempt), Some(model::operator::PythonCall::Script(_))) => {
            Outcome::Failed {
                reason: "the process ended (os._exit?) before the task had returned".to_owned(),
                exit_code: Some(0),
                may_retry: true,
            }
        }
        (_, by_status) => by_status,
    };
    if matches!(outcome, Outcome::Success) && !said.is_empty() {
        match outlets::by_name(attempt, said) {
            Ok(found) => outlet_events.extend(found),
            Err(reason) => outcome = Outcome::Failed { reason, exit_code: Some(0), may_retry: false },
        }
    }
    let returned = match reported.returned {
        // A sensor that returns nothing has seen nothing.
        None if matches!(task.operator, Operator::Sensor(_)) => Some(Value::Null),
        returned => returned,
    };
    let (Some(value), Outcome::Success) = (returned, &outcome) else {
        return outcome;
    };
    if !value.is_null() {
        output.say(&format!("returned value: {}", shown(&value)));
    }
    let refused = |reason| Outcome::Failed { reason, exit_code: Some(0), may_retry: true };
    if matches!(task.operator, Operator::Sensor(_)) {
        if !is_true(&value) {
            return Outcome::NotYet { saw: format!("it returned {}", shown(&value)) };
        }
        // What it saw says no more than that it is there, unless it is a value of its own.
        if value.is_boolean() {
            return outcome;
        }
    }
    if matches!(task.operator, Operator::Branch(_)) {
        outcome = python::followed(value.clone()).map_or_else(refused, |follow| Outcome::Branch { follow });
    } else if matches!(task.operator, Operator::ShortCircuit(_)) {
        outcome = Outcome::ShortCircuit { goes_on: is_truthy(&value) };
    }
    if task.do_xcom_push && !matches!(outcome, Outcome::Failed { .. }) {
        match python::returned_xcoms(value, task.multiple_outputs) {
            Ok(returned) => {
                xcoms.retain(|known| returned.iter().all(|new| new.key != known.key));
                xcoms.extend(returned);
            }
            Err(reason) => outcome = refused(reason),
        }
    }
    outcome
}

fn attempt_call(attempt: &Attempt) -> Option<&model::operator::PythonCall> {
    attempt.task().operator.python().map(|python| &python.call)
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn json_len(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

fn too_large(xcoms: &[XComValue], max: usize) -> Option<String> {
    xcoms.iter().find_map(|xcom| {
        let size = xcom.value.to_string().len();
        (size > max).then(|| format!("XCom `{}` has {size} bytes, more than {max} (xcom_max_size)", xcom.key))
    })
}

fn too_large_extra(events: &[OutletEvent], max: usize) -> Option<String> {
    events.iter().find_map(|event| {
        let size = Value::from(event.extra.clone()).to_string().len();
        (size > max).then(|| {
            format!("`extra` of the update of `{}` has {size} bytes, more than {max} (xcom_max_size)", event.uri)
        })
    })
}

/// Reasons are shown and kept; what a process says of its failure may repeat what it was given.
fn without_secrets(outcome: Outcome, known: &Known) -> Outcome {
    match outcome {
        Outcome::Failed { reason, exit_code, may_retry } => {
            Outcome::Failed { reason: known.masked(&reason), exit_code, may_retry }
        }
        Outcome::Skipped { reason } => Outcome::Skipped { reason: known.masked(&reason) },
        other => other,
    }
}

fn with_log_failure(mut outcome: Outcome, failure: Option<&str>) -> Outcome {
    if let (Outcome::Failed { reason, .. }, Some(failure)) = (&mut outcome, failure) {
        *reason = format!("{reason} ({failure})");
    }
    outcome
}

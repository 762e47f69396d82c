//! From what a file says to what is waited for: its templates are rendered, once.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde_json::{Map, Value};

use super::{
    AboutDate, Approval, Approve, Awaited, By, Event, Http, HttpRequest, OtherRun, OtherTask, Sensor, Trigger,
    TriggerDag,
};
use crate::attempt::Attempt;
use crate::callback::{self, Notify};
use crate::dag_run::to_microsecond;
use crate::operator::Operator;
use crate::template::{Fetched, RenderError, as_text, render, render_deep};

/// What an attempt waits for; what its templates need from outside and is not in `fetched` comes back as needs. An
/// error names the key and the line of the file.
///
/// What is secret in it is marked ([`crate::mask::marks`]), because it is stored; what people are to read has stars there.
pub fn awaited(attempt: &Attempt, fetched: &Arc<Fetched>, now: Timestamp) -> Result<Awaited, RenderError> {
    let masker = fetched.masker();
    let awaited = rendered(attempt, fetched, now)?;
    if masker.is_empty() {
        return Ok(awaited);
    }
    Ok(match awaited {
        Awaited::Approval(approval) => {
            Awaited::Approval(Approval { prompt: masker.mask(&approval.prompt).into_owned(), ..approval })
        }
        awaited => awaited.with_texts(|text| masker.marked(text)),
    })
}

fn rendered(attempt: &Attempt, fetched: &Arc<Fetched>, now: Timestamp) -> Result<Awaited, RenderError> {
    let rendering = Rendering { attempt, fetched, now };
    match &attempt.task().operator {
        Operator::Sensor(sensor) => rendering.sensor(sensor),
        Operator::TriggerDag(trigger) => rendering.trigger(trigger).map(Awaited::Trigger),
        Operator::Approve(approve) => rendering.approval(approve).map(Awaited::Approval),
        Operator::Notify(notify) => rendering.delivery(notify),
        Operator::Bash(_) | Operator::Python(_) | Operator::Empty | Operator::Branch(_) | Operator::ShortCircuit(_) => {
            Err(RenderError::Failed(format!("`{}` waits for nothing", attempt.task().task_id)))
        }
    }
}

struct Rendering<'a> {
    attempt: &'a Attempt,
    fetched: &'a Arc<Fetched>,
    now: Timestamp,
}

impl Rendering<'_> {
    fn wrong(&self, field: &str, message: impl std::fmt::Display) -> RenderError {
        let task = self.attempt.task();
        RenderError::Failed(format!(
            "`{field}` of task `{}` (line {} of the DAG file): {message}",
            task.task_id, task.line
        ))
    }

    fn value(&self, field: &str, source: &str) -> Result<Value, RenderError> {
        let scope = self.attempt.scope(self.attempt.task(), self.fetched);
        render(source, &scope).map_err(|error| match error {
            RenderError::Failed(message) => self.wrong(field, message),
            needs @ RenderError::Needs(_) => needs,
        })
    }

    fn text(&self, field: &str, source: &str) -> Result<String, RenderError> {
        Ok(as_text(&self.value(field, source)?))
    }

    fn deep(&self, field: &str, value: &Value) -> Result<Value, RenderError> {
        render_deep(field, value, &|field, source| self.value(field, source))
    }

    fn delivery(&self, notify: &Notify) -> Result<Awaited, RenderError> {
        let scope = self.attempt.scope(self.attempt.task(), self.fetched);
        match callback::notice(notify, &scope) {
            Ok(message) => Ok(Awaited::Delivery { message }),
            Err(RenderError::Failed(message)) => Err(self.wrong("notify", message)),
            Err(needs @ RenderError::Needs(_)) => Err(needs),
        }
    }

    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.attempt.dag.timezone).unwrap_or(TimeZone::UTC)
    }

    fn instant(&self, field: &str, text: &str) -> Result<Timestamp, RenderError> {
        instant(text, &self.zone(), self.now)
            .ok_or_else(|| self.wrong(field, format!("`{text}` is neither a time of the day nor an instant")))
    }

    fn sensor(&self, sensor: &Sensor) -> Result<Awaited, RenderError> {
        Ok(match &sensor.event {
            Event::File(path) => Awaited::File { path: self.path(&self.text("sensor.file", path)?) },
            Event::Time(time) => Awaited::Time { at: self.instant("sensor.time", &self.text("sensor.time", time)?)? },
            Event::Delta(delta) => {
                let run = &self.attempt.dag_run;
                let from = run.data_interval.map_or(run.run_after, |interval| interval.end);
                Awaited::Time { at: from.checked_add(delta.absolute()).unwrap_or(Timestamp::MAX) }
            }
            Event::Http(http) => Awaited::Http(self.http(http)?),
            Event::Sql(sql) => Awaited::Sql {
                conn_id: self.text("sensor.sql.conn_id", &sql.conn_id)?,
                sql: self.text("sensor.sql.sql", &sql.sql)?,
            },
            Event::Task(other) => Awaited::Run(self.other_run(other)?),
            Event::Python(_) => Awaited::Python,
        })
    }

    fn path(&self, path: &str) -> String {
        let folder = self.attempt.dag_file.parent().unwrap_or(&self.attempt.dag_file);
        folder.join(path).to_string_lossy().into_owned()
    }

    fn http(&self, http: &Http) -> Result<HttpRequest, RenderError> {
        let header = |(name, source): (&String, &String)| {
            Ok((name.clone(), self.text(&format!("sensor.http.headers.{name}"), source)?))
        };
        Ok(HttpRequest {
            conn_id: http.conn_id.as_ref().map(|id| self.text("sensor.http.conn_id", id)).transpose()?,
            url: self.text("sensor.http.url", &http.url)?,
            method: http.method.clone(),
            headers: http.headers.iter().map(header).collect::<Result<IndexMap<_, _>, RenderError>>()?,
            body: http.body.as_ref().map(|body| self.text("sensor.http.body", body)).transpose()?,
            expect: http.expect.clone(),
        })
    }

    fn other_run(&self, other: &OtherTask) -> Result<OtherRun, RenderError> {
        let own_date = || {
            self.attempt.dag_run.logical_date.ok_or_else(|| {
                self.wrong("sensor.task", "this run has no logical date; `by: latest` waits for the latest run")
            })
        };
        let logical_date = match other.by {
            By::Latest => None,
            By::LogicalDate => Some(own_date()?),
            By::Delta(delta) => Some(own_date()?.checked_sub(delta.absolute()).unwrap_or(Timestamp::MIN)),
        };
        Ok(OtherRun {
            dag_id: self.text("sensor.task.dag_id", &other.dag_id)?,
            task_id: other.task_id.as_ref().map(|id| self.text("sensor.task.task_id", id)).transpose()?,
            states: other.states.clone(),
            logical_date,
        })
    }

    fn trigger(&self, trigger: &TriggerDag) -> Result<Trigger, RenderError> {
        let conf = match self.deep("trigger_dag.conf", &trigger.conf)? {
            Value::Null => Map::new(),
            Value::Object(conf) => conf,
            other => return Err(self.wrong("trigger_dag.conf", format!("it must be a mapping, not {other}"))),
        };
        let logical_date = match &trigger.logical_date {
            AboutDate::Now => Some(self.now),
            AboutDate::Null => None,
            AboutDate::At(source) => {
                let text = self.text("trigger_dag.logical_date", source)?;
                Some(self.instant("trigger_dag.logical_date", &text)?)
            }
        };
        let run = &self.attempt.dag_run;
        let task_id = &self.attempt.task().task_id;
        let index = self.attempt.key.map_index;
        let element = if index < 0 { String::new() } else { format!("[{index}]") };
        let caller = format!("{}.{task_id}{element}.{}__{}", run.dag_id, self.attempt.try_number, run.run_id);
        let run_id = match &trigger.run_id {
            Some(source) => self.text("trigger_dag.run_id", source)?,
            None => format!("manual__{caller}"),
        };
        Ok(Trigger {
            dag_id: self.text("trigger_dag.dag_id", &trigger.dag_id)?,
            run_id,
            logical_date: logical_date.map(to_microsecond),
            conf,
            wait: trigger.wait,
            reset: trigger.reset,
            caller,
        })
    }

    fn approval(&self, approve: &Approve) -> Result<Approval, RenderError> {
        Ok(Approval {
            prompt: self.text("approve.prompt", &approve.prompt)?,
            options: approve.options.clone(),
            default: approve.default.clone(),
            roles: approve.roles.clone(),
        })
    }
}

/// An instant, a date (and time) in `zone`, or a time of the day that `now` is in there.
pub(crate) fn instant(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let naive = match text.parse::<civil::DateTime>() {
        Ok(naive) => naive,
        Err(_) => now.to_zoned(zone.clone()).date().to_datetime(text.parse::<civil::Time>().ok()?),
    };
    zone.to_ambiguous_zoned(naive).compatible().ok().map(|zoned| zoned.timestamp())
}

//! From a block to its message: templates are rendered, and what the file does not say is said in plain words.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{CallbackEvent, Email, Happened, Links, Message, Notify, Slack, Target, Webhook};
use crate::dag_run::isoformat;
use crate::template::{RenderError, Scope, as_text, render_deep, render_with};

/// What the templates of callbacks may name beside the context of their task or run.
pub const NAMES: [&str; 7] = ["event", "state", "reason", "exception", "deadline", "url", "log_url"];

/// The message of a callback. What its templates need from outside and has not been fetched comes back as needs; an
/// error names the key. A run as a whole has a task without an id in its scope.
pub fn message(block: &Notify, happened: &Happened, scope: &Scope<'_>, links: &Links) -> Result<Message, RenderError> {
    let about = About::new(happened, scope, links);
    let rendering = Rendering { scope, more: about.names(), about: Some(&about) };
    rendering.message(block)
}

/// The message of a `notify` task. Nothing has happened: it says what the file says.
pub fn notice(block: &Notify, scope: &Scope<'_>) -> Result<Message, RenderError> {
    Rendering { scope, more: Map::new(), about: None }.message(block)
}

/// What happened to whom, for words and links.
struct About<'a> {
    happened: &'a Happened,
    scope: &'a Scope<'a>,
    url: Option<String>,
}

impl<'a> About<'a> {
    fn new(happened: &'a Happened, scope: &'a Scope<'a>, links: &Links) -> Self {
        let url = if is_run(scope) {
            links.run(scope.dag_run)
        } else {
            links.task(scope.dag_run, &scope.task.task_id, scope.map_index, scope.try_number)
        };
        Self { happened, scope, url }
    }

    fn names(&self) -> Map<String, Value> {
        let text = |text: Option<&str>| text.map_or(Value::Null, Into::into);
        let failed = matches!(self.happened.event, CallbackEvent::Failure | CallbackEvent::Retry);
        let log_url = self.url.as_deref().filter(|_| !is_run(self.scope));
        let values = [
            self.happened.event.as_str().into(),
            self.happened.state.into(),
            text(self.happened.reason.as_deref()),
            text(self.happened.reason.as_deref().filter(|_| failed)),
            self.happened.deadline.map_or(Value::Null, |at| isoformat(at).into()),
            text(self.url.as_deref()),
            text(log_url),
        ];
        NAMES.into_iter().map(str::to_owned).zip(values).collect()
    }

    /// `etl_daily.load failed in scheduled__2026-01-01T00:00:00+00:00 (try 2 of 3)`.
    fn headline(&self) -> String {
        let Scope { dag_run, task, map_index, try_number, max_tries, .. } = *self.scope;
        let did = match self.happened.event {
            CallbackEvent::Success => "succeeded",
            CallbackEvent::Failure => "failed",
            CallbackEvent::Retry => "failed and will be tried again",
            CallbackEvent::Skipped => "was skipped",
            CallbackEvent::Deadline => "missed its deadline",
        };
        if is_run(self.scope) {
            return format!("{} {did}: run {}", dag_run.dag_id, dag_run.run_id);
        }
        let element = if map_index < 0 { String::new() } else { format!("[{map_index}]") };
        let tries = if max_tries > 1 { format!(" (try {try_number} of {max_tries})") } else { String::new() };
        format!("{}.{}{element} {did} in {}{tries}", dag_run.dag_id, task.task_id, dag_run.run_id)
    }

    /// What is known beside the headline, a line each.
    fn lines(&self) -> Vec<String> {
        let deadline = self.happened.deadline.map(|at| format!("it was to be finished by {}", isoformat(at)));
        let state = self.happened.deadline.map(|_| format!("it is {}", self.happened.state.replace('_', " ")));
        [self.happened.reason.clone(), deadline, state, self.url.clone()].into_iter().flatten().collect()
    }

    fn json(&self) -> Value {
        let Scope { dag_run, task, map_index, try_number, .. } = *self.scope;
        let mut body = json!({
            "event": self.happened.event.as_str(),
            "dag_id": dag_run.dag_id,
            "run_id": dag_run.run_id,
            "task_id": if is_run(self.scope) { Value::Null } else { task.task_id.as_str().into() },
            "map_index": map_index,
            "try_number": try_number,
            "state": self.happened.state,
            "reason": self.happened.reason,
            "logical_date": dag_run.logical_date.map(isoformat),
            "happened_at": isoformat(self.happened.at),
            "url": self.url,
        });
        if let Some(at) = self.happened.deadline {
            body["deadline"] = isoformat(at).into();
        }
        body
    }
}

/// Whether a scope is that of a run as a whole.
fn is_run(scope: &Scope<'_>) -> bool {
    scope.task.task_id.is_empty()
}

struct Rendering<'a> {
    scope: &'a Scope<'a>,
    more: Map<String, Value>,
    /// None: a `notify` task.
    about: Option<&'a About<'a>>,
}

impl Rendering<'_> {
    fn value(&self, field: &str, source: &str) -> Result<Value, RenderError> {
        render_with(source, self.scope, &self.more).map_err(|error| match error {
            RenderError::Failed(message) => RenderError::Failed(format!("template of `{field}`: {message}")),
            needs @ RenderError::Needs(_) => needs,
        })
    }

    fn text(&self, field: &str, source: &str) -> Result<String, RenderError> {
        Ok(as_text(&self.value(field, source)?))
    }

    fn deep(&self, field: &str, value: &Value) -> Result<Value, RenderError> {
        render_deep(field, value, &|field, source| self.value(field, source))
    }

    fn message(&self, block: &Notify) -> Result<Message, RenderError> {
        match block {
            Notify::Slack(slack) => self.slack(slack),
            Notify::Webhook(webhook) => self.webhook(webhook),
            Notify::Email(email) => self.email(email),
        }
    }

    fn target(&self, field: &str, to: &Target) -> Result<Target, RenderError> {
        Ok(match to {
            Target::Url(url) => Target::Url(self.text(&format!("{field}.url"), url)?.trim().to_owned()),
            Target::Connection(conn_id) => Target::Connection(self.text(&format!("{field}.conn_id"), conn_id)?),
        })
    }

    fn slack(&self, slack: &Slack) -> Result<Message, RenderError> {
        let text = match &slack.text {
            Some(text) => self.text("slack.text", text)?,
            None => self.in_words().join("\n"),
        };
        Ok(Message::Slack { to: self.target("slack", &slack.to)?, text })
    }

    fn webhook(&self, webhook: &Webhook) -> Result<Message, RenderError> {
        let mut headers = IndexMap::new();
        for (name, source) in &webhook.headers {
            headers.insert(name.clone(), self.text(&format!("webhook.headers.{name}"), source)?);
        }
        let json = match (&webhook.json, &webhook.body) {
            (Some(json), _) => Some(self.deep("webhook.json", json)?),
            (None, None) if webhook.method != "GET" => self.about.map(About::json),
            (None, _) => None,
        };
        let body = match (&json, &webhook.body) {
            (Some(json), _) => Some(json.to_string()),
            (None, Some(body)) => Some(self.text("webhook.body", body)?),
            (None, None) => None,
        };
        let is_said = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if json.is_some() && !is_said {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
        }
        let to = self.target("webhook", &webhook.to)?;
        Ok(Message::Webhook { to, method: webhook.method.clone(), headers, body })
    }

    fn email(&self, email: &Email) -> Result<Message, RenderError> {
        let addresses = |field: &str, sources: &[String]| -> Result<Vec<String>, RenderError> {
            let mut addresses = Vec::new();
            for source in sources {
                // A template may give several.
                let text = self.text(field, source)?;
                addresses.extend(text.split([',', ';']).map(str::trim).filter(|to| !to.is_empty()).map(str::to_owned));
            }
            Ok(addresses)
        };
        let subject = match &email.subject {
            Some(subject) => self.text("email.subject", subject)?,
            None => self.in_words().first().cloned().unwrap_or_default(),
        };
        let body = match &email.body {
            Some(body) => self.text("email.body", body)?,
            None => self.in_words().join("\n"),
        };
        // A subject is one line.
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let (to, cc) = (addresses("email.to", &email.to)?, addresses("email.cc", &email.cc)?);
        Ok(Message::Email { to, cc, subject, body, html: email.html && email.body.is_some() })
    }

    /// What happened, a headline first.
    fn in_words(&self) -> Vec<String> {
        if let Some(about) = self.about {
            return std::iter::once(about.headline()).chain(about.lines()).collect();
        }
        let Scope { dag_run, task, .. } = self.scope;
        vec![format!("{}.{} in {}", dag_run.dag_id, task.task_id, dag_run.run_id)]
    }
}

//! What a task says about the assets that it updates.
//!
//! A process appends to the file `$FLOWCTL_OUTLET_EVENTS` one line of JSON for each outlet about which it has something
//! to say: `{"asset": URI or name, "extra": {…}}`. A Python task sets `outlet_events[URI or name].extra`, as in Airflow.
//! Of several about one outlet the last one counts. An asset that is no outlet of the task fails the attempt.

use model::asset::OutletEvent;
use model::attempt::Attempt;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(alias = "uri", alias = "name")]
    asset: String,
    #[serde(default)]
    extra: Map<String, Value>,
}

/// Reads the file's text.
pub(crate) fn parse(attempt: &Attempt, text: &str) -> Result<Vec<OutletEvent>, String> {
    let mut said = Said::of(attempt);
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(line).map_err(|error| {
            format!(r#"line {number} is not {{"asset": URI or name, "extra": {{…}}}}: {}"#, message(&error))
        })?;
        said.add(&line.asset, line.extra).map_err(|problem| format!("line {number}: {problem}"))?;
    }
    Ok(said.events)
}

/// What a Python task said, by URI or name.
pub(crate) fn by_name(attempt: &Attempt, said: Map<String, Value>) -> Result<Vec<OutletEvent>, String> {
    let mut events = Said::of(attempt);
    for (asset, extra) in said {
        let Value::Object(extra) = extra else {
            return Err(format!("`extra` of the outlet event of `{asset}` must be a mapping"));
        };
        events.add(&asset, extra)?;
    }
    Ok(events.events)
}

struct Said<'a> {
    attempt: &'a Attempt,
    events: Vec<OutletEvent>,
}

impl<'a> Said<'a> {
    const fn of(attempt: &'a Attempt) -> Self {
        Self { attempt, events: Vec::new() }
    }

    fn add(&mut self, asset: &str, extra: Map<String, Value>) -> Result<(), String> {
        let named = self.attempt.dag.assets.iter().find(|known| known.name == asset);
        let uri = named.map_or(asset, |known| known.uri.as_str());
        let outlets = &self.attempt.task().outlets;
        if !outlets.iter().any(|outlet| outlet == uri) {
            let known = if outlets.is_empty() { "it has none".to_owned() } else { outlets.join(", ") };
            return Err(format!("`{asset}` is not among the `outlets` of the task ({known})"));
        }
        self.events.retain(|known| known.uri != uri);
        self.events.push(OutletEvent { uri: uri.to_owned(), extra });
        Ok(())
    }
}

/// Without the place, which is always on line 1.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

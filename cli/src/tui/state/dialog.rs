//! What is asked of the person before something is done.

use serde_json::{Map, Value};
use tui_input::Input;

use crate::commands::conf;
use crate::tui::ask::{Change, Request};
use crate::tui::keys::{Key, edit};

/// What lies over the screen.
#[derive(Debug, Clone)]
pub(in crate::tui) enum Dialog {
    /// The keys.
    Help,
    /// A choice, of which all but one do something.
    Choice(Choice),
    /// A run to be started.
    Trigger(Trigger),
}

/// A question with answers by key.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Choice {
    pub(in crate::tui) question: String,
    pub(in crate::tui) options: Vec<Choosable>,
    /// What the first answer would change, when that can be asked.
    pub(in crate::tui) preview: Option<Preview>,
}

/// An answer to a question.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Choosable {
    pub(in crate::tui) key: char,
    pub(in crate::tui) label: &'static str,
    pub(in crate::tui) change: Change,
}

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) enum Preview {
    /// Not known yet.
    Asked,
    /// These task instances would start over.
    Known(Vec<String>),
    /// The server says why it would not do it.
    Refused(String),
}

/// A run to be started.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Trigger {
    pub(in crate::tui) dag_id: String,
    /// Its conf.
    pub(in crate::tui) conf: Input,
    /// What is wrong with that.
    pub(in crate::tui) problem: Option<String>,
    /// The DAG's params in words.
    pub(in crate::tui) params: Option<String>,
    /// It is being triggered.
    pub(in crate::tui) is_sent: bool,
}

/// What a key did in a dialog.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Stay,
    Close,
    /// Closes, and changes something.
    Change(Change),
    /// Starts a run, and stays until that is done.
    Trigger {
        dag_id: String,
        conf: Map<String, Value>,
    },
}

impl Choice {
    /// A question with one way to say yes.
    pub(super) fn confirm(question: String, label: &'static str, change: Change) -> Self {
        Self { question, options: vec![Choosable { key: 'y', label, change }], preview: None }
    }

    /// With what the first answer would change.
    pub(super) fn previewed(mut self) -> Self {
        self.preview = Some(Preview::Asked);
        self
    }

    fn press(&self, key: Key) -> Outcome {
        match key {
            Key::Escape | Key::Char('n' | 'q') => Outcome::Close,
            Key::Char(c) => self
                .options
                .iter()
                .find(|option| option.key == c.to_ascii_lowercase())
                .map_or(Outcome::Stay, |option| Outcome::Change(option.change.clone())),
            _ => Outcome::Stay,
        }
    }
}

impl Trigger {
    pub(super) fn new(dag_id: &str) -> Self {
        Self { dag_id: dag_id.to_owned(), conf: Input::default(), problem: None, params: None, is_sent: false }
    }

    fn press(&mut self, key: Key) -> Outcome {
        match key {
            Key::Escape => return Outcome::Close,
            _ if self.is_sent => {}
            Key::Enter => match read(self.conf.value()) {
                Ok(conf) => {
                    self.problem = None;
                    self.is_sent = true;
                    return Outcome::Trigger { dag_id: self.dag_id.clone(), conf };
                }
                Err(problem) => self.problem = Some(problem),
            },
            key => {
                // A problem stands until the text is another one.
                let before = self.conf.value().to_owned();
                edit(&mut self.conf, key);
                if self.conf.value() != before {
                    self.problem = None;
                }
            }
        }
        Outcome::Stay
    }
}

fn read(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        Ok(Map::new())
    } else {
        conf::parse(text, "the conf").map_err(|error| error.to_string())
    }
}

impl Dialog {
    pub(super) fn press(&mut self, key: Key) -> Outcome {
        match self {
            Self::Help => Outcome::Close,
            Self::Choice(choice) => choice.press(key),
            Self::Trigger(trigger) => trigger.press(key),
        }
    }

    /// What it has to know of the server.
    pub(super) fn wanted(&self) -> Option<Request> {
        match self {
            Self::Choice(Choice { options, preview: Some(Preview::Asked), .. }) => {
                options.first().map(|option| Request::Preview(option.change.clone()))
            }
            Self::Trigger(Trigger { dag_id, params: None, .. }) => Some(Request::Params { dag_id: dag_id.clone() }),
            Self::Help | Self::Choice(_) | Self::Trigger(_) => None,
        }
    }
}

//! What the hints between processes may name, so that only the pages concerned look again. Nothing but the freshness
//! of open pages depends on it: an empty hint, or one that is lost, means that anything may have changed.
//!
//! A payload is words with a space between: `dag:ID`, `run:KEY` (its task instances changed), `run:KEY*` (its own
//! state too). DAG ids contain no space.

use std::collections::BTreeMap;

use model::ids::DagRunKey;

/// PostgreSQL refuses payloads of 8,000 bytes and more.
const LONGEST: usize = 7_900;

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Anything.
    Anything,
    /// A DAG or its list of runs.
    Dag(String),
    /// A run.
    DagRun {
        /// Which.
        key: DagRunKey,
        /// Not only task instances of it: its own state.
        is_state: bool,
    },
}

impl Hint {
    /// What a payload names; a word that is not understood may mean anything.
    pub fn parse(payload: &str) -> Vec<Self> {
        if payload.is_empty() { vec![Self::Anything] } else { payload.split(' ').map(Self::word).collect() }
    }

    fn word(word: &str) -> Self {
        if let Some(dag_id) = word.strip_prefix("dag:") {
            return Self::Dag(dag_id.to_owned());
        }
        let Some(run) = word.strip_prefix("run:") else { return Self::Anything };
        let key = run.strip_suffix('*');
        key.unwrap_or(run)
            .parse()
            .map_or(Self::Anything, |id| Self::DagRun { key: DagRunKey(id), is_state: key.is_some() })
    }
}

/// The payload for runs that changed, each with whether its own state did; empty when they are too many to name.
pub(crate) fn payload(runs: &BTreeMap<DagRunKey, bool>) -> String {
    let words: Vec<_> =
        runs.iter().map(|(key, is_state)| format!("run:{}{}", key.0, if *is_state { "*" } else { "" })).collect();
    let payload = words.join(" ");
    if payload.len() > LONGEST { String::new() } else { payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_names_what_it_was_made_of() {
        let runs = BTreeMap::from([(DagRunKey(7), false), (DagRunKey(12), true)]);
        let run = |key, is_state| Hint::DagRun { key: DagRunKey(key), is_state };
        assert_eq!(Hint::parse(&payload(&runs)), [run(7, false), run(12, true)]);
        assert_eq!(Hint::parse("dag:a.b-c"), [Hint::Dag("a.b-c".to_owned())]);
    }

    #[test]
    fn what_is_not_named_may_be_anything() {
        let many: BTreeMap<_, _> = (0..5_000).map(|key| (DagRunKey(key), true)).collect();
        assert_eq!(Hint::parse(&payload(&many)), [Hint::Anything]);
        for odd in ["", "run:x", "task:1"] {
            assert_eq!(Hint::parse(odd), [Hint::Anything], "{odd}");
        }
    }
}

//! What has to be updated before a DAG runs.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A condition over updated assets; `any` and `all` nest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetCondition {
    /// This asset, by its URI.
    Asset(String),
    /// One of these.
    Any(Vec<Self>),
    /// All of these.
    All(Vec<Self>),
}

impl AssetCondition {
    /// Whether it is met when so much `is_updated`.
    pub fn holds(&self, is_updated: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Asset(uri) => is_updated(uri),
            Self::Any(parts) => parts.iter().any(|part| part.holds(is_updated)),
            Self::All(parts) => parts.iter().all(|part| part.holds(is_updated)),
        }
    }

    /// The assets it names, each once, in its order.
    pub fn uris(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let mut uris = Vec::new();
        self.visit(&mut |uri| {
            if seen.insert(uri) {
                uris.push(uri);
            }
        });
        uris
    }

    fn visit<'a>(&'a self, each: &mut impl FnMut(&'a str)) {
        match self {
            Self::Asset(uri) => each(uri),
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.visit(each)),
        }
    }

    /// Whether each asset that it names is needed.
    pub fn needs_all(&self) -> bool {
        match self {
            Self::Asset(_) => true,
            Self::Any(parts) => parts.len() == 1 && parts.iter().all(Self::needs_all),
            Self::All(parts) => parts.iter().all(Self::needs_all),
        }
    }

    /// As Airflow's API writes it, with what `describe` says of each asset.
    pub fn expression(&self, describe: &impl Fn(&str) -> serde_json::Value) -> serde_json::Value {
        let parts = |parts: &[Self]| parts.iter().map(|part| part.expression(describe)).collect::<serde_json::Value>();
        match self {
            Self::Asset(uri) => serde_json::json!({ "asset": describe(uri) }),
            Self::Any(any) => serde_json::json!({ "any": parts(any) }),
            Self::All(all) => serde_json::json!({ "all": parts(all) }),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, is_inner: bool) -> fmt::Result {
        let (parts, word) = match self {
            Self::Asset(uri) => return f.write_str(uri),
            Self::Any(parts) => (parts, " or "),
            Self::All(parts) => (parts, " and "),
        };
        let needs_brackets = is_inner && parts.len() > 1;
        if needs_brackets {
            f.write_str("(")?;
        }
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                f.write_str(word)?;
            }
            part.write(f, parts.len() > 1)?;
        }
        if needs_brackets { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Display for AssetCondition {
    /// `s3://a and (s3://b or s3://c)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

#[cfg(test)]
mod tests {
    use super::AssetCondition::{self, All, Any};

    fn asset(uri: &str) -> AssetCondition {
        AssetCondition::Asset(uri.to_owned())
    }

    #[test]
    fn a_condition_reads_as_a_sentence() {
        let condition = All(vec![asset("a"), Any(vec![asset("b"), All(vec![asset("c"), asset("a")])])]);
        assert_eq!(condition.to_string(), "a and (b or (c and a))");
        assert_eq!(condition.uris(), ["a", "b", "c"]);
        assert_eq!(All(vec![Any(vec![asset("b"), asset("c")])]).to_string(), "b or c");
    }

    #[test]
    fn any_needs_one_and_all_needs_each() {
        let condition = All(vec![asset("a"), Any(vec![asset("b"), asset("c")])]);
        let holds = |updated: &[&str]| condition.holds(&|uri: &str| updated.contains(&uri));
        assert!(holds(&["a", "c"]) && holds(&["b", "a"]));
        assert!(!holds(&["b", "c"]) && !holds(&["a"]) && !holds(&[]));
    }

    #[test]
    fn the_expression_is_airflows() {
        let condition = Any(vec![asset("a"), All(vec![asset("b"), asset("c")])]);
        let expression = condition.expression(&|uri| serde_json::json!({ "uri": uri }));
        let expected = serde_json::json!({"any": [
            {"asset": {"uri": "a"}}, {"all": [{"asset": {"uri": "b"}}, {"asset": {"uri": "c"}}]}
        ]});
        assert_eq!(expression, expected);
    }
}

//! Values in the environment of the process.

use std::collections::BTreeMap;

use crate::Kind;

/// What begins the name of a variable: flowctl's own first.
const PROGRAMS: [&str; 2] = ["FLOWCTL", "AIRFLOW"];

/// The part of an environment that holds variables and connections.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    /// Without the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().filter(|(name, _)| model::mask::is_secret_variable(name)).collect())
    }
}

impl Environment {
    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A value, and the name of the variable that it is in. The name is in capitals, as in Airflow; what no shell can
    /// write in a name may be `_` there.
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<(String, String)> {
        let upper = name.to_uppercase();
        let plain: String =
            upper.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect();
        let kind = match kind {
            Kind::Variable => "VAR",
            Kind::Connection => "CONN",
        };
        let names = PROGRAMS
            .iter()
            .flat_map(|program| [format!("{program}_{kind}_{upper}"), format!("{program}_{kind}_{plain}")]);
        names.into_iter().find_map(|variable| self.0.get(&variable).map(|value| (variable, value.clone())))
    }
}

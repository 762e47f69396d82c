//! `params`: what a run may be given, and checking what it is given.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::node::{Key, Mapping, Node, Place, Value};
use super::problems::Problems;
use crate::dag::{Dag, Param};

/// Keywords of JSON Schema that may describe a parameter, and Airflow's own for its form.
const KEYWORDS: [&str; 36] = [
    "default",
    "type",
    "enum",
    "const",
    "title",
    "description",
    "description_md",
    "examples",
    "values_display",
    "section",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
];

/// Reads `params`. `is_scheduled`: runs start without anyone to give values, so each needs a default.
pub(super) fn read(entries: &Mapping, is_scheduled: bool, problems: &mut Problems) -> IndexMap<String, Param> {
    let mut params = IndexMap::new();
    for (key, node) in entries {
        let Some(param) = param(key, node, problems) else {
            continue;
        };
        if is_scheduled && param.default.is_none() {
            let help = Some("give it a `default`, or leave out `schedule`".to_owned());
            let message =
                format!("param `{}` has no default, but the DAG is scheduled: nobody would give it", key.name);
            problems.error_with_help(key.at, message, help);
        }
        params.insert(key.name.clone(), param);
    }
    params
}

fn param(key: &Key, node: &Node, problems: &mut Problems) -> Option<Param> {
    let Value::Mapping(entries) = &node.value else {
        return Some(Param { default: Some(node.to_json()), schema: Json::Object(Map::new()) });
    };
    for (key, _) in entries {
        if !KEYWORDS.contains(&key.name.as_str()) {
            problems.unknown_key(key, "a param (a JSON Schema)", KEYWORDS.into_iter());
        }
    }
    let mut schema = super::node::mapping_to_json(entries);
    let default = schema.shift_remove("default");
    let default_at = entries.iter().find(|(key, _)| key.name == "default").map_or(key.at, |(_, node)| node.at);
    let schema = Json::Object(schema);
    check(&key.name, &schema, node.at, default.as_ref().map(|default| (default, default_at)), problems)?;
    Some(Param { default, schema })
}

/// Whether a schema is one, and its default is as it says.
fn check(name: &str, schema: &Json, at: Place, default: Option<(&Json, Place)>, problems: &mut Problems) -> Option<()> {
    let validator = match compile(schema) {
        Ok(validator) => validator,
        Err(message) => {
            problems.error(at, format!("param `{name}` is not a JSON Schema: {message}"));
            return None;
        }
    };
    if let Some((default, at)) = default {
        for error in validator.iter_errors(default) {
            problems.error(at, format!("the default of param `{name}` does not match its schema: {error}"));
        }
    }
    Some(())
}

fn compile(schema: &Json) -> Result<jsonschema::Validator, String> {
    jsonschema::options().should_validate_formats(true).build(schema).map_err(|error| {
        let path = error.instance_path().to_string();
        if path.is_empty() { error.to_string() } else { format!("at `{path}`: {error}") }
    })
}

/// The params of a run: the defaults and, over them, its conf. A key of conf that is no param is kept, as in Airflow.
/// Errors are pairs of the value's path (`name`, `name/key/0`) and what is wrong with it.
pub fn merge(dag: &Dag, conf: &Map<String, Json>) -> Result<Map<String, Json>, Vec<(String, String)>> {
    let mut merged = Map::new();
    let mut errors = Vec::new();
    for (name, param) in &dag.params {
        let Some(value) = conf.get(name).or(param.default.as_ref()) else {
            errors.push((name.clone(), "is required: it has no default".to_owned()));
            continue;
        };
        if conf.contains_key(name) {
            match compile(&param.schema) {
                Ok(validator) => errors.extend(
                    validator
                        .iter_errors(value)
                        .map(|error| (format!("{name}{}", error.instance_path()), error.to_string())),
                ),
                Err(message) => errors.push((name.clone(), format!("its schema cannot be used: {message}"))),
            }
        }
        merged.insert(name.clone(), value.clone());
    }
    for (name, value) in conf {
        if !merged.contains_key(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    if errors.is_empty() { Ok(merged) } else { Err(errors) }
}

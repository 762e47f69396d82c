//! One field of the trigger form: how a parameter is asked for, and what the answer means.

use model::dag::Param;
use serde_json::Value;

/// A field as the template shows it.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) options: Vec<String>,
    pub(super) is_required: bool,
    pub(super) minimum: String,
    pub(super) maximum: String,
    pub(super) problem: String,
}

/// How a parameter is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Date,
    Integer,
    Number,
    Boolean,
    Choice,
    Json,
}

impl Kind {
    fn of(param: &Param) -> Self {
        if param.schema.get("enum").is_some() {
            return Self::Choice;
        }
        let declared: Vec<&str> = match param.schema.get("type") {
            Some(Value::String(word)) => vec![word.as_str()],
            Some(Value::Array(words)) => {
                words.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect()
            }
            _ => Vec::new(),
        };
        let is_date = param.schema.get("format").and_then(Value::as_str) == Some("date");
        match (declared.as_slice(), &param.default) {
            (["string"], _) if is_date => Self::Date,
            (["string"], _) | ([], Some(Value::String(_))) => Self::Text,
            (["integer"], _) => Self::Integer,
            (["number"], _) | ([], Some(Value::Number(_))) => Self::Number,
            (["boolean"], _) | ([], Some(Value::Bool(_))) => Self::Boolean,
            _ => Self::Json,
        }
    }
}

impl Field {
    /// Of a parameter, with what was given before and what is wrong with it.
    pub(super) fn new(name: &str, param: &Param, given: Option<&String>, problem: String) -> Self {
        let text = |key: &str| param.schema.get(key).and_then(Value::as_str);
        let bound = |key: &str| param.schema.get(key).map(ToString::to_string).unwrap_or_default();
        let default = param.default.as_ref().map(shown).unwrap_or_default();
        let options = param.schema.get("enum").and_then(Value::as_array).into_iter().flatten().map(shown);
        Self {
            title: text("title").unwrap_or(name).to_owned(),
            description: text("description").unwrap_or_default().to_owned(),
            kind: Kind::of(param),
            value: given.cloned().unwrap_or(default),
            options: options.collect(),
            is_required: param.default.is_none() && !may_be_null(param),
            minimum: bound("minimum"),
            maximum: bound("maximum"),
            problem,
            name: name.to_owned(),
        }
    }
}

fn may_be_null(param: &Param) -> bool {
    match param.schema.get("type") {
        Some(Value::String(word)) => word == "null",
        Some(Value::Array(words)) => words.iter().any(|word| word == "null"),
        _ => false,
    }
}

/// A value in a field: strings as they are, null as nothing, everything else as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What was given, as the parameter's value; none when it is the default, or nothing. A default is not repeated in the
/// conf, so that a later one applies when the run is cleared.
pub(super) fn value(param: &Param, given: &str) -> Result<Option<Value>, &'static str> {
    if param.default.as_ref().is_some_and(|default| shown(default) == given) {
        return Ok(None);
    }
    let options = param.schema.get("enum").and_then(Value::as_array);
    if let Some(option) = options.into_iter().flatten().find(|option| shown(option) == given) {
        return Ok(Some(option.clone()));
    }
    let given = given.trim();
    let kind = Kind::of(param);
    if given.is_empty() {
        let is_text = kind == Kind::Text && param.default.is_some();
        return Ok(if may_be_null(param) {
            Some(Value::Null)
        } else if is_text {
            Some(Value::String(String::new()))
        } else {
            None
        });
    }
    match kind {
        Kind::Text | Kind::Date | Kind::Choice => Ok(Some(Value::String(given.to_owned()))),
        Kind::Integer => {
            serde_json::from_str::<i64>(given).map(|number| Some(number.into())).map_err(|_| "must be a whole number")
        }
        Kind::Number => serde_json::from_str::<serde_json::Number>(given)
            .map(|number| Some(Value::Number(number)))
            .map_err(|_| "must be a number"),
        Kind::Boolean => given.parse::<bool>().map(|is| Some(is.into())).map_err(|_| "must be true or false"),
        Kind::Json => serde_json::from_str(given).map(Some).map_err(|_| "must be JSON: text goes in double quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn param(default: Option<Value>, schema: Value) -> Param {
        Param { default, schema }
    }

    #[test]
    fn answers_keep_the_types_of_the_parameters() {
        let text = param(Some(json!("mon")), json!({"type": "string"}));
        assert_eq!(value(&text, "1"), Ok(Some(json!("1"))));
        let number = param(Some(json!(1)), json!({}));
        assert_eq!(value(&number, "2.5"), Ok(Some(json!(2.5))));
        let choice = param(None, json!({"enum": [1, "big"]}));
        assert_eq!(value(&choice, "1"), Ok(Some(json!(1))));
        let list = param(None, json!({"type": "array"}));
        assert_eq!(value(&list, "[1, 2]"), Ok(Some(json!([1, 2]))));
    }

    #[test]
    fn nothing_is_null_where_that_is_allowed_and_missing_otherwise() {
        let nullable = param(Some(json!("x")), json!({"type": ["string", "null"]}));
        assert_eq!((Kind::of(&nullable), value(&nullable, "")), (Kind::Text, Ok(Some(Value::Null))));
        assert_eq!(value(&param(Some(json!("x")), json!({"type": "string"})), ""), Ok(Some(json!(""))));
        assert_eq!(value(&param(None, json!({"type": "string"})), ""), Ok(None));
        assert_eq!(value(&param(Some(json!(3)), json!({"type": "integer"})), "3"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_said_in_words_for_the_field() {
        let integer = param(Some(json!(1)), json!({"type": "integer"}));
        assert_eq!(value(&integer, "1.5"), Err("must be a whole number"));
        assert_eq!(
            value(&param(None, json!({"type": "object"})), "{a: 1}"),
            Err("must be JSON: text goes in double quotes")
        );
    }
}

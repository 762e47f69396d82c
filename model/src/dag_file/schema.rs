//! The JSON Schema of DAG files, for editors; made from the same tables as the checks.

use serde_json::{Map, Value, json};

use super::calendar;
use super::keys::{self, Keys, Takes};
use crate::asset::Layer;
use crate::callback::Since;
use crate::pool::WeightRule;

/// JSON Schema (2020-12) of a DAG file.
pub fn json_schema() -> Value {
    let mut task = properties(keys::TASK);
    task.extend(properties(keys::OPERATORS));
    let mut default_args = task.clone();
    default_args.shift_remove("id");
    // In `default_args` an operator's keys stand in its long form.
    default_args.extend(keys::OPERATORS.iter().map(|(name, _)| ((*name).to_owned(), json!({"type": "object"}))));
    let mut dag = properties(keys::DAG);
    dag.insert("default_args".to_owned(), json!({"$ref": "#/$defs/default_args"}));
    let mut group = properties(keys::GROUP);
    group.insert("default_args".to_owned(), json!({"$ref": "#/$defs/default_args"}));
    let one_operator: Vec<Value> = keys::OPERATORS.iter().map(|(name, _)| json!({"required": [name]})).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flowctl DAG file",
        "type": "object",
        "additionalProperties": false,
        "required": ["tasks"],
        "properties": dag,
        "$defs": {
            "task": {"type": "object", "additionalProperties": false, "required": ["id"], "properties": task, "oneOf": one_operator},
            "group": {"type": "object", "additionalProperties": false, "required": ["group", "tasks"], "properties": group},
            "default_args": {"type": "object", "additionalProperties": false, "properties": default_args},
            "bash": long_form(keys::BASH),
            "python": long_form(keys::PYTHON),
            "asset": long_form(keys::ASSET),
            "branch": long_form(keys::BRANCH),
            "short_circuit": long_form(keys::SHORT_CIRCUIT),
            "sensor": sensor(),
            "sensor_http": long_form(keys::SENSOR_HTTP),
            "sensor_sql": long_form(keys::SENSOR_SQL),
            "sensor_task": long_form(keys::SENSOR_TASK),
            "trigger_dag": long_form(keys::TRIGGER_DAG),
            "approve": long_form(keys::APPROVE),
            "notify": notify(),
            "condition": condition(),
        },
    })
}

/// A sensor has one condition; its texts and mappings are those of the condition's own form.
fn sensor() -> Value {
    let mut sensor = properties(keys::SENSOR);
    sensor.insert("http".to_owned(), json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/sensor_http"}]}));
    sensor.insert("sql".to_owned(), json!({"$ref": "#/$defs/sensor_sql"}));
    sensor.insert("task".to_owned(), json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/sensor_task"}]}));
    let one: Vec<Value> = super::waiting::CONDITIONS.iter().map(|name| json!({"required": [name]})).collect();
    json!({"type": "object", "additionalProperties": false, "properties": sensor, "oneOf": one})
}

/// A message goes over one channel.
fn notify() -> Value {
    let text = json!({"type": "string"});
    let texts = property("to", Takes::Texts);
    let webhook = json!({"anyOf": [{"required": ["url"]}, {"required": ["conn_id"]}]});
    let form = |keys: Keys, short: &Value, more: Value| {
        let mut form = long_form(keys);
        if let (Some(form), Value::Object(more)) = (form.as_object_mut(), more) {
            form.extend(more);
        }
        json!({"anyOf": [short, form]})
    };
    let properties = json!({
        "slack": form(keys::SLACK, &text, json!({})),
        "webhook": form(keys::WEBHOOK, &text, webhook),
        "email": form(keys::EMAIL, &texts, json!({"required": ["to"]})),
    });
    json!({"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": properties})
}

/// What a schedule over assets waits for.
fn condition() -> Value {
    let parts = json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}});
    let of = |name: &str| json!({"type": "object", "additionalProperties": false, "required": [name], "properties": {name: parts}});
    json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/asset"}, parts, of("any"), of("all")]})
}

fn long_form(keys: Keys) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties(keys)})
}

fn properties(keys: Keys) -> Map<String, Value> {
    keys.iter().map(|(name, takes)| ((*name).to_owned(), property(name, *takes))).collect()
}

fn property(name: &str, takes: Takes) -> Value {
    match takes {
        Takes::Text => json!({"type": ["string", "number", "boolean", "null"]}),
        Takes::Texts => {
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}, {"type": "null"}]})
        }
        Takes::List => json!({"type": ["array", "null"]}),
        Takes::Whole => json!({"type": ["integer", "null"]}),
        Takes::Flag => json!({"type": ["boolean", "null"]}),
        Takes::Duration => {
            json!({"type": ["string", "number", "null"], "description": "90s, 5m, 1h30m, 2d, 1w, PT5M, or a number of seconds"})
        }
        Takes::Date => {
            json!({"type": ["string", "null"], "description": "a date or an RFC 3339 time; naive means in `timezone`"})
        }
        Takes::Schedule => schedule(),
        Takes::Catchup => {
            let window = json!({"type": "object", "additionalProperties": false, "required": ["window"], "properties": {"window": property("window", Takes::Duration)}});
            json!({"anyOf": [{"type": ["boolean", "null"]}, window], "description": "whether missed intervals are run; with a `window`, no further back than that"})
        }
        Takes::Overlap => {
            json!({"enum": calendar::OVERLAP, "description": "when a run is due and the one before is not finished"})
        }
        Takes::Calendar => {
            let date = json!({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$|\.[iI][cC][sS]$"});
            let day = json!({"enum": calendar::DAYS});
            json!({
                "type": ["object", "null"],
                "additionalProperties": false,
                "minProperties": 1,
                "properties": {
                    "skip": {"anyOf": [date, {"type": "array", "items": date}]},
                    "only": {"anyOf": [day, {"type": "array", "minItems": 1, "items": day}]},
                },
                "description": "the days on which the schedule fires",
            })
        }
        Takes::Rule => json!({"enum": keys::RULES}),
        Takes::WeightRule => json!({"enum": WeightRule::ALL.map(WeightRule::as_str)}),
        Takes::Mapping => json!({"type": ["object", "null"]}),
        Takes::TextMapping => {
            json!({"type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
        Takes::Expand => {
            json!({"type": ["object", "null"], "minProperties": 1, "additionalProperties": {"type": ["array", "string"]},
                   "description": "names to lists, or to templates that give lists"})
        }
        Takes::Tasks => {
            json!({"type": "array", "minItems": 1, "items": {"if": {"required": ["group"]}, "then": {"$ref": "#/$defs/group"}, "else": {"$ref": "#/$defs/task"}}})
        }
        Takes::Operator if name == "empty" => {
            json!({"type": ["object", "null"], "maxProperties": 0})
        }
        Takes::Operator if matches!(name, "sensor" | "notify") => json!({"$ref": format!("#/$defs/{name}")}),
        Takes::Notifies => {
            let block = json!({"$ref": "#/$defs/notify"});
            json!({"anyOf": [block, {"type": "array", "items": block}, {"type": "null"}], "description": "messages"})
        }
        Takes::Since => json!({"enum": Since::ALL.map(Since::as_str)}),
        Takes::Conf => json!({"type": ["object", "string", "null"]}),
        Takes::By => {
            json!({"anyOf": [{"enum": ["logical_date", "latest"]}, {"type": "object", "additionalProperties": false, "required": ["delta"], "properties": {"delta": {"type": ["string", "number"]}}}]})
        }
        Takes::Operator => {
            json!({"anyOf": [{"type": "string"}, {"$ref": format!("#/$defs/{name}")}]})
        }
        Takes::BackOff => {
            json!({"type": ["boolean", "number", "null"], "description": "true: the delay doubles; a number: its factor"})
        }
        Takes::Keyed(keys) => {
            json!({"type": ["object", "null"], "additionalProperties": false, "properties": properties(keys)})
        }
        Takes::FlagOrKeyed(keys) => {
            json!({"type": ["boolean", "object", "null"], "additionalProperties": false, "properties": properties(keys)})
        }
        Takes::Numbers => json!({"type": ["integer", "array", "null"], "items": {"type": "integer"}}),
        Takes::Assets => json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/asset"}}),
        Takes::AssetNames => {
            let one = json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/asset"}]});
            json!({"anyOf": [{"type": ["string", "null"]}, {"$ref": "#/$defs/asset"}, {"type": "array", "items": one}],
                   "description": "assets by URI or name, or described"})
        }
        Takes::Layer => json!({"enum": Layer::ALL.map(Layer::as_str)}),
        Takes::Columns => {
            let column =
                json!({"type": "object", "additionalProperties": false, "properties": properties(keys::COLUMN)});
            json!({"type": ["object", "null"], "additionalProperties": {"anyOf": [{"type": "string"}, column]}})
        }
        Takes::Value => json!({}),
        Takes::NotYet => json!({"description": "not supported yet"}),
        Takes::OnlyDefault(default) => {
            json!({"description": format!("only `{default}` is supported yet")})
        }
    }
}

fn schedule() -> Value {
    let trigger = json!({"type": "object", "additionalProperties": false, "required": ["cron"], "properties": {"cron": {"type": "string"}, "interval": property("interval", Takes::Duration)}});
    let events = json!({"type": "object", "additionalProperties": false, "required": ["at"], "properties": {"at": {"type": "array", "minItems": 1, "items": property("at", Takes::Date)}}});
    let assets = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["assets"],
        "properties": {
            "assets": {"$ref": "#/$defs/condition"},
            "partition": {"const": "interval"},
            "cron": {"type": "string"},
            "interval": property("interval", Takes::Duration),
        },
    });
    json!({
        "anyOf": [
            {"type": ["string", "number", "null"]},
            {"type": "array", "minItems": 1, "items": {"type": "string"}},
            trigger,
            events,
            assets,
        ],
        "description": "cron, @daily, a duration such as 1d, a list of crons, {cron, interval}, {at: [...]}, {assets: [...]}, or null",
    })
}

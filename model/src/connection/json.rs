//! Connections as JSON objects.

use serde_json::{Map, Value};

use super::python::dumps;
use super::{Connection, ConnectionError, normalized};

fn wrong(what: impl Into<String>) -> ConnectionError {
    ConnectionError::Json(what.into())
}

impl Connection {
    /// Reads the text of an object.
    pub fn from_json(text: &str) -> Result<Self, ConnectionError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("line {}, column {} is not JSON", error.line(), error.column())))?;
        match value {
            Value::Object(fields) => Self::from_fields(fields),
            _ => Err(wrong("it is not an object")),
        }
    }

    /// Reads an object: Airflow's field names, `extra` as an object or as the text of one, or a `uri` alone.
    pub fn from_fields(mut fields: Map<String, Value>) -> Result<Self, ConnectionError> {
        // What exports repeat although it is the key that the object stands under.
        fields.remove("conn_id");
        if let Some(uri) = fields.remove("uri") {
            let uri = text("uri", Some(uri))?.unwrap_or_default();
            let description = text("description", fields.remove("description"))?;
            if fields.values().any(|value| !value.is_null()) {
                return Err(wrong("`uri` stands beside fields that it says already"));
            }
            return Ok(Self { description, ..Self::from_uri(&uri)? });
        }
        let extra = match (fields.remove("extra"), fields.remove("extra_dejson")) {
            (Some(_), Some(_)) => return Err(wrong("`extra` and `extra_dejson` are the same")),
            (extra, other) => extra.or(other),
        };
        let connection = Self {
            conn_type: text("conn_type", fields.remove("conn_type"))?.as_deref().map(normalized).unwrap_or_default(),
            description: text("description", fields.remove("description"))?,
            host: text("host", fields.remove("host"))?,
            login: text("login", fields.remove("login"))?,
            password: text("password", fields.remove("password"))?.filter(|password| !password.is_empty()),
            schema: text("schema", fields.remove("schema"))?,
            port: port(fields.remove("port"))?,
            extra: extra_text(extra),
        };
        match fields.keys().next() {
            Some(name) => Err(wrong(format!("it has no field `{name}`"))),
            None => connection.checked(),
        }
    }

    /// The fields that are set, `extra` as an object.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("conn_type".to_owned(), self.conn_type.clone().into());
        let texts = [
            ("description", &self.description),
            ("host", &self.host),
            ("login", &self.login),
            ("password", &self.password),
            ("schema", &self.schema),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value.clone().into());
            }
        }
        if let Some(port) = self.port {
            fields.insert("port".to_owned(), port.into());
        }
        let extra = self.extra_object();
        if !extra.is_empty() {
            fields.insert("extra".to_owned(), Value::Object(extra));
        }
        fields
    }

    /// The text of an object with the fields that are set.
    pub fn json(&self) -> String {
        dumps(&Value::Object(self.fields()))
    }
}

fn text(name: &str, value: Option<Value>) -> Result<Option<String>, ConnectionError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(format!("`{name}` is not a text"))),
    }
}

fn port(value: Option<Value>) -> Result<Option<u16>, ConnectionError> {
    let number = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    number.map(|port| (port != 0).then_some(port)).ok_or_else(|| wrong("`port` is not a number up to 65535"))
}

/// Airflow takes an object for its text, and nothing for an empty one.
fn extra_text(extra: Option<Value>) -> Option<String> {
    match extra? {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then_some(text),
        Value::Object(object) if object.is_empty() => None,
        other => Some(dumps(&other)),
    }
}

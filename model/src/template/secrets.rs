//! `var.value.NAME`, `var.json.NAME`, `conn.ID`: looked up when a template asks for them.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, Serde, Value, from_args};
use minijinja::{Error, State};

use super::context::{Context, Part, locked};
use super::language::{no_method, wrong};
use super::{Found, Need, names};
use crate::connection::Connection;

/// What was asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    name: String,
    message: String,
}

impl Missing {
    /// The first of them that an error is about.
    pub(super) fn explains(missing: &[Self], error: &Error, source: &str) -> Option<String> {
        if error.kind() != minijinja::ErrorKind::UndefinedError {
            return None;
        }
        let place = error.range().and_then(|range| source.get(range)).unwrap_or(source);
        let text = format!("{} {place}", error.detail().unwrap_or_default());
        missing.iter().find(|missing| text.contains(&missing.name)).map(|missing| missing.message.clone())
    }
}

impl Context {
    pub(super) fn missing(&self, error: &Error, source: &str) -> Option<String> {
        Missing::explains(&locked(&self.facts.missing), error, source)
    }

    /// What is not there, if anything is: for a value that has something undefined in it.
    pub(super) fn first_missing(&self) -> Option<String> {
        locked(&self.facts.missing).first().map(|missing| missing.message.clone())
    }

    pub(super) fn variables(&self, name: &str) -> Option<Value> {
        match name {
            "value" => Some(self.part(Part::VariableValues)),
            "json" => Some(self.part(Part::VariableJson)),
            _ => None,
        }
    }

    /// Undefined, and noted, where there is no such variable.
    pub(super) fn variable_named(&self, key: &str) -> Value {
        let make = || format!("there is no variable `{key}`; `flowctl variables set {key} VALUE` makes one");
        self.variable(key).map_or_else(Value::from, |found| found.unwrap_or_else(|| self.note(key, make())))
    }

    /// Undefined, and noted, where there is no such connection.
    pub(super) fn connection_named(&self, id: &str) -> Value {
        let make = || format!("there is no connection `{id}`; `flowctl connections add {id} --conn-uri URI` makes one");
        self.connection(id).map_or_else(Value::from, |found| found.unwrap_or_else(|| self.note(id, make())))
    }

    fn note(&self, name: &str, message: String) -> Value {
        let missing = Missing { name: name.to_owned(), message };
        let mut all = locked(&self.facts.missing);
        if !all.contains(&missing) {
            all.push(missing);
        }
        Value::UNDEFINED
    }

    fn variable(&self, key: &str) -> Result<Option<Value>, Error> {
        let Some(found) = self.facts.fetched.variables.get(key) else {
            return Ok(Some(self.need(Need::Variable(key.to_owned()))));
        };
        let Some(text) = readable("variable", key, found)? else { return Ok(None) };
        if self.part != Part::VariableJson {
            return Ok(Some(Value::from(text.as_str())));
        }
        let json: serde_json::Value = serde_json::from_str(text).map_err(|error| {
            wrong(format!("variable `{key}` is not JSON (line {}, column {})", error.line(), error.column()))
        })?;
        Ok(Some(Value::from(Serde(json))))
    }

    fn connection(&self, id: &str) -> Result<Option<Value>, Error> {
        let Some(found) = self.facts.fetched.connections.get(id) else {
            return Ok(Some(self.need(Need::Connection(id.to_owned()))));
        };
        let Some(connection) = readable("connection", id, found)? else { return Ok(None) };
        Ok(Some(Value::from_object(Shown { id: id.to_owned(), connection: connection.clone() })))
    }

    /// `var.value.get('NAME', 'default')`, and the same of `var.json` and `conn`.
    pub(super) fn call_get(&self, args: &[Value]) -> Result<Value, Error> {
        let (name, default, kwargs): (&str, Option<Value>, Kwargs) = from_args(args)?;
        let keyword = if self.part == Part::Connections { "default_conn" } else { "default" };
        let default = default.or(kwargs.get::<Option<Value>>(keyword)?);
        kwargs.assert_all_used()?;
        let found = if self.part == Part::Connections { self.connection(name)? } else { self.variable(name)? };
        let of_connections = (self.part == Part::Connections).then(|| Value::from(()));
        Ok(found.or(default).or(of_connections).unwrap_or_else(|| self.variable_named(name)))
    }
}

fn readable<'f, T>(what: &str, name: &str, found: &'f Found<T>) -> Result<Option<&'f T>, Error> {
    match found {
        Ok(found) => Ok(found.as_ref()),
        Err(reason) => Err(wrong(format!("{what} `{name}` cannot be read: {reason}"))),
    }
}

/// A connection in a template.
struct Shown {
    id: String,
    connection: Connection,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl Object for Shown {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let connection = &self.connection;
        let text = |text: &Option<String>| text.as_deref().map_or(Value::from(()), Value::from);
        Some(match key.as_str()? {
            "conn_id" => self.id.as_str().into(),
            "conn_type" => connection.conn_type.as_str().into(),
            "description" => text(&connection.description),
            "host" => text(&connection.host),
            "login" => text(&connection.login),
            "password" => text(&connection.password),
            "schema" => text(&connection.schema),
            "port" => connection.port.map_or(Value::from(()), Value::from),
            "extra" => text(&connection.extra),
            "extra_dejson" => Value::from(Serde(connection.extra_object())),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let () = from_args(args)?;
        match method {
            "get_uri" => Ok(self.connection.uri().into()),
            "get_password" => Ok(self.connection.password.as_deref().map_or(Value::from(()), Value::from)),
            _ => Err(no_method(names::called(names::Kind::Connection), method, &names::CONNECTION)),
        }
    }

    /// Its id, as in Airflow: nothing secret.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

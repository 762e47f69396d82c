//! What Airflow's own class says: `fixtures/connections`, with the script that made it.

use serde_json::{Map, Value};

use super::{Connection, ConnectionError, check_id};

const AIRFLOW: &str = include_str!("../../fixtures/connections/airflow.jsonl");

/// What flowctl refuses and Airflow takes, with the reason.
const REFUSED_HERE: [(&str, &str); 4] = [
    ("my_conn_type://host", "`_` is no character of a scheme: Airflow makes a connection without a type of it"),
    ("host-only", "there is no type"),
    ("//host", "there is no type"),
    (":nothing", "there is no type"),
];

fn rows() -> Vec<Map<String, Value>> {
    AIRFLOW.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn field(row: &Map<String, Value>, name: &str) -> Option<String> {
    match &row["is"][name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn expected(row: &Map<String, Value>) -> Connection {
    Connection {
        conn_type: field(row, "conn_type").unwrap_or_default(),
        description: field(row, "description"),
        host: field(row, "host"),
        login: field(row, "login"),
        password: field(row, "password"),
        schema: field(row, "schema"),
        port: field(row, "port").map(|port| port.parse().unwrap()),
        // An empty text is no text.
        extra: field(row, "extra").filter(|extra| !extra.is_empty()),
    }
}

fn shown(connection: &Connection) -> String {
    format!("{} {:?} password {:?}", connection.uri(), connection.fields(), connection.password)
}

#[test]
fn uris_and_json_are_read_as_airflow_reads_them() {
    let (mut read, mut wrong) = (0, Vec::new());
    for row in rows() {
        let (given, got) = if let Some(uri) = row.get("uri").and_then(Value::as_str) {
            (uri, Connection::from_uri(uri))
        } else if let Some(json) = row.get("json").and_then(Value::as_str) {
            (json, Connection::from_json(json))
        } else {
            continue;
        };
        read += 1;
        let is_refused = row["is"].get("refused").is_some() || REFUSED_HERE.iter().any(|(text, _)| *text == given);
        match (is_refused, got) {
            (true, Err(_)) => {}
            (true, Ok(connection)) => wrong.push(format!("{given}: taken as {}", shown(&connection))),
            (false, Err(error)) => wrong.push(format!("{given}: {error}")),
            (false, Ok(got)) if got == expected(&row) => {}
            (false, Ok(got)) => wrong.push(format!("{given}: {} for {}", shown(&got), shown(&expected(&row)))),
        }
    }
    assert!(read >= 85, "{read}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn uris_and_json_are_written_as_airflow_writes_them() {
    let (mut written, mut wrong) = (0, Vec::new());
    for row in rows() {
        if row["is"].get("refused").is_some() {
            continue;
        }
        let connection = expected(&row);
        if connection.conn_type.is_empty() {
            continue;
        }
        written += 1;
        for (ours, theirs) in [(connection.uri(), "get_uri"), (connection.json(), "as_json")] {
            let theirs = field(&row, theirs).unwrap();
            if ours != theirs {
                wrong.push(format!("{ours} for {theirs}"));
            }
        }
    }
    assert!(written >= 85, "{written}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_connection_is_read_from_either_form() {
    let uri = Connection::parse(" postgres://u:p@h/s\n").unwrap();
    let json =
        Connection::parse(r#"{"conn_type": "postgres", "login": "u", "password": "p", "host": "h", "schema": "s"}"#);
    assert_eq!(uri, json.unwrap());
}

#[test]
fn errors_never_repeat_a_secret() {
    for text in
        ["hunter2://a b:c", "hunter2", "{hunter2", r#"{"conn_type": 5, "password": "hunter2"}"#, "x://a:hunter2@h:p"]
    {
        let error = Connection::parse(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let shown = format!("{:?}", Connection::parse("http://u:hunter2@h/?token=hunter2").unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_id_has_letters_digits_and_little_else() {
    for good in ["warehouse", "my.conn-2_a", "연결"] {
        assert_eq!(check_id(good), Ok(()), "{good}");
    }
    for bad in ["", "a b", "a/b", "<script>", &"x".repeat(201)] {
        assert!(matches!(check_id(bad), Err(ConnectionError::Id(_))), "{bad}");
    }
}

//! The form that triggers a run: one field per parameter, from its JSON Schema.

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use model::dag::{Dag, Param};
use model::state::TriggeredBy;
use serde_json::{Map, Value};

use super::format::{dag_href, run_href};
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::{LoggedIn, Trigger};

type Fields = HashMap<String, String>;

struct Field {
    name: String,
    title: String,
    description: String,
    /// text, number, boolean, enum or json.
    kind: &'static str,
    value: String,
    options: Vec<String>,
    is_required: bool,
}

#[derive(Template)]
#[template(path = "trigger.html")]
struct TriggerPage {
    shell: Shell,
    dag_id: String,
    href: String,
    is_paused: bool,
    problem: String,
    params: Vec<Field>,
    conf: String,
    logical_date: String,
    run_id: String,
    note: String,
}

/// The empty form.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
) -> PageResult {
    form(&pages, &who, &dag_id, &Fields::new(), String::new()).await
}

/// Triggers, or shows the form again with what was given and what is wrong with it.
pub(super) async fn submit(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, PageError> {
    let (dag, _) = load(&pages, &dag_id).await?;
    let problem = match read(&dag, &fields, (pages.clock)()) {
        Ok(trigger) => match pages.doors.trigger(&who, trigger).await {
            Ok(run_id) => {
                return Ok(Redirect::to(&run_href(&dag_id, &run_id)).into_response());
            }
            Err(problem) => (problem.status(), problem.to_string()),
        },
        Err(problem) => (axum::http::StatusCode::UNPROCESSABLE_ENTITY, problem),
    };
    let html = form(&pages, &who, &dag_id, &fields, problem.1).await?;
    Ok((problem.0, html).into_response())
}

async fn load(pages: &Pages, dag_id: &str) -> Result<(Dag, bool), PageError> {
    let found = pages.store.pages_dag(dag_id, None).await?;
    let row = found.ok_or_else(|| PageError::NotFound(format!("DAG `{dag_id}`")))?;
    Ok((serde_json::from_value(row.spec)?, row.is_paused))
}

async fn form(pages: &Pages, who: &LoggedIn, dag_id: &str, given: &Fields, problem: String) -> PageResult {
    let shell = Shell::load(pages, who, "dags").await?;
    let (dag, is_paused) = load(pages, dag_id).await?;
    let kept = |name: &str| given.get(name).cloned().unwrap_or_default();
    page(&TriggerPage {
        shell,
        dag_id: dag_id.to_owned(),
        href: dag_href(dag_id),
        is_paused,
        problem,
        params: dag.params.iter().map(|(name, param)| field(name, param, given)).collect(),
        conf: given.get("conf").cloned().unwrap_or_else(|| "{}".to_owned()),
        logical_date: kept("logical_date"),
        run_id: kept("run_id"),
        note: kept("note"),
    })
}

fn field(name: &str, param: &Param, given: &Fields) -> Field {
    let text = |key: &str| param.schema.get(key).and_then(Value::as_str);
    let options: Vec<_> = param.schema.get("enum").and_then(Value::as_array).into_iter().flatten().map(shown).collect();
    let default = param.default.as_ref().map(shown).unwrap_or_default();
    Field {
        title: text("title").unwrap_or(name).to_owned(),
        description: text("description").unwrap_or_default().to_owned(),
        kind: kind(param),
        value: given.get(&format!("param.{name}")).cloned().unwrap_or(default),
        options,
        is_required: param.default.is_none(),
        name: name.to_owned(),
    }
}

fn kind(param: &Param) -> &'static str {
    if param.schema.get("enum").is_some() {
        return "enum";
    }
    let declared = param.schema.get("type").and_then(Value::as_str);
    match (declared, &param.default) {
        (Some("string"), _) | (None, Some(Value::String(_))) => "text",
        (Some("integer" | "number"), _) | (None, Some(Value::Number(_))) => "number",
        (Some("boolean"), _) | (None, Some(Value::Bool(_))) => "boolean",
        _ => "json",
    }
}

/// A value in a field: strings as they are, everything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the form asks for; the message says which field is wrong. Fields left at their default are not part of the
/// conf, so that a later default applies when the run is read again.
fn read(dag: &Dag, fields: &Fields, now: Timestamp) -> Result<Trigger, String> {
    let text = |name: &str| fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut conf = Map::new();
    for (name, param) in &dag.params {
        let Some(given) = fields.get(&format!("param.{name}")) else { continue };
        if let Some(value) = value(name, param, given)? {
            conf.insert(name.clone(), value);
        }
    }
    match serde_json::from_str(text("conf").unwrap_or("{}")) {
        Ok(Value::Object(raw)) => conf.extend(raw),
        Ok(_) => return Err("the configuration must be a JSON object, such as {\"day\": \"2026-01-01\"}".to_owned()),
        Err(problem) => return Err(format!("the configuration is not JSON: {problem}")),
    }
    let logical_date = text("logical_date")
        .map(str::parse::<Timestamp>)
        .transpose()
        .map_err(|_| "the logical date must be an instant with its zone, such as 2026-01-31T00:00:00Z".to_owned())?;
    Ok(Trigger {
        dag_id: dag.dag_id.clone(),
        run_id: text("run_id").map(str::to_owned),
        logical_date: Some(logical_date.unwrap_or(now)),
        conf,
        note: text("note").map(str::to_owned),
        triggered_by: TriggeredBy::Ui,
    })
}

fn value(name: &str, param: &Param, given: &str) -> Result<Option<Value>, String> {
    if given == param.default.as_ref().map(shown).unwrap_or_default() {
        return Ok(None);
    }
    let options = param.schema.get("enum").and_then(Value::as_array);
    if let Some(option) = options.into_iter().flatten().find(|option| shown(option) == given) {
        return Ok(Some(option.clone()));
    }
    if kind(param) == "text" {
        return Ok(Some(Value::String(given.to_owned())));
    }
    match serde_json::from_str(given) {
        Ok(value) => Ok(Some(value)),
        Err(problem) => Err(format!("parameter `{name}` is not JSON: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dag() -> Dag {
        let value = json!({"dag_id": "d", "owner": "o", "schedule": "none", "timezone": "UTC", "catchup": false, "tasks": [],
            "params": {"day": {"default": "mon", "schema": {"type": "string"}}, "n": {"default": 1, "schema": {"type": "integer"}},
                       "size": {"schema": {"enum": [1, "big"]}}}});
        serde_json::from_value(value).expect("a DAG")
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_keep_their_types_defaults_are_left_out_and_raw_conf_goes_over_them() {
        let given = fields(&[("param.day", "1"), ("param.n", "1"), ("param.size", "1"), ("conf", "{\"day\":\"tue\"}")]);
        let trigger = read(&dag(), &given, Timestamp::UNIX_EPOCH).expect("readable");
        assert_eq!(Value::Object(trigger.conf), json!({"day": "tue", "size": 1}));
    }

    #[test]
    fn wrong_input_is_refused_with_the_name_of_the_field() {
        assert!(read(&dag(), &fields(&[("conf", "[1]")]), Timestamp::UNIX_EPOCH).unwrap_err().contains("object"));
        assert!(read(&dag(), &fields(&[("param.n", "many")]), Timestamp::UNIX_EPOCH).unwrap_err().contains("`n`"));
        assert!(
            read(&dag(), &fields(&[("logical_date", "soon")]), Timestamp::UNIX_EPOCH)
                .unwrap_err()
                .contains("logical date")
        );
    }
}

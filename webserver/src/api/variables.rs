//! `/variables`.

use api::{BulkBody, BulkResponse, HttpError, Variable, VariableBody, VariableCollection};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::mask::{MASK, restored, shown_variable};
use serde::Deserialize;
use serde_json::{Value, json};
use store::read::api::{SecretFilter, VariableRow};
use store::variable::NewVariable;
use utoipa::IntoParams;

use super::bulk::{self, Changeable};
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::listing::listing;
use super::update_mask::{MaskQuery, field_counts};
use super::{Api, missing};
use crate::doors::{ActionError, LoggedIn};

/// Which variables.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VariablesQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Part of the name; `%` and `_` as in SQL, `|` between alternatives.
    variable_key_pattern: Option<String>,
    /// How the name begins.
    variable_key_prefix_pattern: Option<String>,
    /// `id`, `key`, `_val`, `description`, `is_encrypted`, `team_name`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the variables, with `***` for what is secret.
#[utoipa::path(get, path = "/variables", tag = "Variable", params(VariablesQuery),
    responses((status = 200, body = VariableCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError)))]
pub(super) async fn get_variables(
    State(api): State<Api>,
    Query(query): Query<VariablesQuery>,
) -> ApiResult<Json<VariableCollection>> {
    let filter = SecretFilter {
        name: None,
        name_pattern: query.variable_key_pattern,
        name_prefix: query.variable_key_prefix_pattern,
    };
    let page = api.store.api_variables(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    Ok(Json(VariableCollection { variables: page.rows.into_iter().map(wire).collect(), total_entries: page.total }))
}

/// One variable.
#[utoipa::path(get, path = "/variables/{variable_key}", tag = "Variable", params(("variable_key" = String, Path)),
    responses((status = 200, body = Variable), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn get_variable(State(api): State<Api>, Path(key): Path<String>) -> ApiResult<Json<Variable>> {
    load(&api, &key).await.map(wire).map(Json)
}

async fn load(api: &Api, key: &str) -> ApiResult<VariableRow> {
    api.store.api_variable(key).await?.ok_or_else(|| missing::variable(key))
}

/// Creates a variable.
#[utoipa::path(post, path = "/variables", tag = "Variable", request_body = VariableBody,
    responses((status = 201, body = Variable), (status = 403, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError), (status = 503, body = HttpError)))]
pub(super) async fn post_variable(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<VariableBody>,
) -> ApiResult<(StatusCode, Json<Variable>)> {
    let key = body.key.clone();
    create(&api, &who, body).await?;
    Ok((StatusCode::CREATED, Json(wire(load(&api, &key).await?))))
}

async fn create(api: &Api, who: &LoggedIn, body: VariableBody) -> ApiResult<()> {
    let Some(value) = body.value else {
        return Err(ApiError::unprocessable("missing", &[json!("body"), json!("value")], "Field required"));
    };
    let new = NewVariable { value: text(&value), description: body.description.flatten(), key: body.key };
    api.doors.create_variable(who, &new).await.map_err(|error| match error {
        ActionError::Exists(message) => ApiError::conflict(message),
        error => refusal(&new.key)(error),
    })
}

/// Changes a variable.
#[utoipa::path(patch, path = "/variables/{variable_key}", tag = "Variable",
    params(("variable_key" = String, Path), MaskQuery), request_body = VariableBody,
    responses((status = 200, body = Variable), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError), (status = 503, body = HttpError)))]
pub(super) async fn patch_variable(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(key): Path<String>,
    Query(query): Query<MaskQuery>,
    Body(body): Body<VariableBody>,
) -> ApiResult<Json<Variable>> {
    if body.key != key {
        return Err(ApiError::bad_request("Invalid body, key from request body doesn't match uri parameter"));
    }
    update(&api, &who, body, &query.update_mask).await?;
    load(&api, &key).await.map(wire).map(Json)
}

async fn update(api: &Api, who: &LoggedIn, body: VariableBody, mask: &[String]) -> ApiResult<()> {
    let counts = field_counts(mask, &["key", "value", "val", "description", "team_name"], "a variable")?;
    let row = load(api, &body.key).await?;
    let value = body.value.filter(|_| counts("value") || counts("val"));
    let value = value.and_then(|value| changed(&value, row.value.as_deref().ok()));
    let description = body.description.filter(|_| counts("description")).unwrap_or(row.description);
    let done = api.doors.update_variable(who, &body.key, value.as_deref(), description.as_deref()).await;
    done.map_err(refusal(&body.key))
}

/// The new text of a variable, unless it is the one that was shown.
pub(crate) fn changed(given: &Value, before: Option<&str>) -> Option<String> {
    if given.as_str() == Some(MASK) {
        return None;
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).ok().filter(|json| json.is_object() || json.is_array());
    let text = text(given);
    match (json(&text), before.and_then(json)) {
        (Some(new), Some(before)) => {
            let restored = restored(&new, &before);
            Some(if restored == new { text } else { model::connection::dumps(&restored) })
        }
        _ => Some(text),
    }
}

/// Deletes a variable.
#[utoipa::path(delete, path = "/variables/{variable_key}", tag = "Variable", params(("variable_key" = String, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_variable(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(key): Path<String>,
) -> ApiResult<StatusCode> {
    api.doors.delete_variable(&who, &key).await.map_err(refusal(&key))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Creates, changes and deletes several variables.
#[utoipa::path(patch, path = "/variables", tag = "Variable", request_body = BulkBody<VariableBody>,
    responses((status = 200, body = BulkResponse), (status = 403, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn bulk_variables(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<BulkBody<VariableBody>>,
) -> ApiResult<Json<BulkResponse>> {
    bulk::apply::<Variables>(&api, &who, body).await.map(Json)
}

struct Variables;

impl Changeable for Variables {
    type Entity = VariableBody;
    const THINGS: &'static str = "variables with these keys";

    fn name(entity: &VariableBody) -> &str {
        &entity.key
    }

    async fn known(api: &Api) -> ApiResult<Vec<String>> {
        Ok(api.doors.variable_keys().await?)
    }

    async fn create(api: &Api, who: &LoggedIn, entity: VariableBody) -> ApiResult<()> {
        create(api, who, entity).await
    }

    async fn overwrite(api: &Api, who: &LoggedIn, entity: VariableBody) -> ApiResult<()> {
        let description = Some(entity.description.clone().flatten());
        update(api, who, VariableBody { description, ..entity }, &[]).await
    }

    async fn update(api: &Api, who: &LoggedIn, entity: VariableBody, mask: &[String]) -> ApiResult<()> {
        update(api, who, entity, mask).await
    }

    async fn delete(api: &Api, who: &LoggedIn, name: &str) -> ApiResult<()> {
        Ok(api.doors.delete_variable(who, name).await?)
    }
}

/// A text is kept as it is, anything else as Airflow writes it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    }
}

fn refusal(key: &str) -> impl FnOnce(ActionError) -> ApiError + use<> {
    let lost = missing::or(missing::variable(key));
    move |error| match error {
        ActionError::Invalid(message) => {
            ApiError::unprocessable("value_error", &[json!("body"), json!("key")], &message)
        }
        error => lost(error),
    }
}

fn wire(row: VariableRow) -> Variable {
    if let Err(problem) = row.value {
        tracing::error!(variable.key = row.key, error = %problem, "a variable cannot be read");
    }
    Variable {
        value: row.value.ok().map(|value| shown_variable(&row.key, &value)),
        key: row.key,
        description: row.description,
        is_encrypted: true,
        team_name: None,
    }
}

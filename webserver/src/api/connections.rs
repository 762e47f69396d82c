//! `/connections`.

use api::{BulkBody, BulkResponse, ConnectionBody, ConnectionCollection, ConnectionTest, HttpError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::connection::{Connection, dumps, parse_extra};
use model::mask::{MASK, restored, shown_extra};
use serde::Deserialize;
use serde_json::{Value, json};
use store::read::api::{ConnectionRow, SecretFilter};
use utoipa::IntoParams;

use super::bulk::{self, Changeable};
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::listing::listing;
use super::update_mask::{MaskQuery, field_counts};
use super::{Api, missing};
use crate::doors::{ActionError, LoggedIn};

/// Which connections.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ConnectionsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Part of the id; `%` and `_` as in SQL, `|` between alternatives.
    connection_id_pattern: Option<String>,
    /// How the id begins.
    connection_id_prefix_pattern: Option<String>,
    /// `id`, `conn_id`, `connection_id`, `conn_type`, `description`, `host`, `port`, `team_name`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the connections, with `***` for what is secret.
#[utoipa::path(get, path = "/connections", tag = "Connection", params(ConnectionsQuery),
    responses((status = 200, body = ConnectionCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError)))]
pub(super) async fn get_connections(
    State(api): State<Api>,
    Query(query): Query<ConnectionsQuery>,
) -> ApiResult<Json<ConnectionCollection>> {
    let filter = SecretFilter {
        name: None,
        name_pattern: query.connection_id_pattern,
        name_prefix: query.connection_id_prefix_pattern,
    };
    let page = api.store.api_connections(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    let connections = page.rows.into_iter().map(wire).collect();
    Ok(Json(ConnectionCollection { connections, total_entries: page.total }))
}

/// One connection.
#[utoipa::path(get, path = "/connections/{connection_id}", tag = "Connection",
    params(("connection_id" = String, Path)),
    responses((status = 200, body = api::Connection), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn get_connection(State(api): State<Api>, Path(id): Path<String>) -> ApiResult<Json<api::Connection>> {
    load(&api, &id).await.map(wire).map(Json)
}

async fn load(api: &Api, id: &str) -> ApiResult<ConnectionRow> {
    api.store.api_connection(id).await?.ok_or_else(|| missing::connection(id))
}

/// Creates a connection.
#[utoipa::path(post, path = "/connections", tag = "Connection", request_body = ConnectionBody,
    responses((status = 201, body = api::Connection), (status = 403, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError), (status = 503, body = HttpError)))]
pub(super) async fn post_connection(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<ConnectionBody>,
) -> ApiResult<(StatusCode, Json<api::Connection>)> {
    let id = body.connection_id.clone();
    create(&api, &who, body).await?;
    Ok((StatusCode::CREATED, Json(wire(load(&api, &id).await?))))
}

async fn create(api: &Api, who: &LoggedIn, body: ConnectionBody) -> ApiResult<()> {
    let id = body.connection_id.clone();
    let new = patched(Connection::default(), body).map_err(wrong_extra)?;
    api.doors.create_connection(who, &id, new).await.map_err(refusal(&id))
}

/// Changes a connection. `***` in its password or `extra` stands for what it was.
#[utoipa::path(patch, path = "/connections/{connection_id}", tag = "Connection",
    params(("connection_id" = String, Path), MaskQuery), request_body = ConnectionBody,
    responses((status = 200, body = api::Connection), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError), (status = 503, body = HttpError)))]
pub(super) async fn patch_connection(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<String>,
    Query(query): Query<MaskQuery>,
    Body(body): Body<ConnectionBody>,
) -> ApiResult<Json<api::Connection>> {
    if body.connection_id != id {
        let message = "The connection_id in the request body does not match the URL parameter";
        return Err(ApiError::bad_request(message));
    }
    update(&api, &who, body, &query.update_mask).await?;
    load(&api, &id).await.map(wire).map(Json)
}

async fn update(api: &Api, who: &LoggedIn, body: ConnectionBody, mask: &[String]) -> ApiResult<()> {
    const FIELDS: [&str; 11] = [
        "connection_id",
        "conn_id",
        "conn_type",
        "description",
        "host",
        "login",
        "schema",
        "port",
        "password",
        "extra",
        "team_name",
    ];
    let counts = field_counts(mask, &FIELDS, "a connection")?;
    let id = body.connection_id.clone();
    let row = load(api, &id).await?;
    // Secrets that cannot be read are not written back as none: they have to be given anew.
    if let Some(problem) = row.problem
        && (body.password.is_none() || body.extra.is_none() || !(counts("password") && counts("extra")))
    {
        return Err(ActionError::Conflict(format!("connection `{id}`: {problem}")).into());
    }
    let new = masked(row.connection, body, counts).map_err(wrong_extra)?;
    api.doors.update_connection(who, &id, new).await.map_err(refusal(&id))
}

/// A connection with the fields that a body has; an error says why its `extra` cannot be one.
pub(crate) fn patched(connection: Connection, body: ConnectionBody) -> Result<Connection, String> {
    masked(connection, body, |_| true)
}

/// The same with those fields only that count.
fn masked(
    mut connection: Connection,
    body: ConnectionBody,
    counts: impl Fn(&str) -> bool,
) -> Result<Connection, String> {
    let fields = [
        ("description", body.description, &mut connection.description),
        ("host", body.host, &mut connection.host),
        ("login", body.login, &mut connection.login),
        ("schema", body.schema, &mut connection.schema),
    ];
    for (name, given, field) in fields {
        if let Some(given) = given.filter(|_| counts(name)) {
            *field = given;
        }
    }
    if counts("conn_type") {
        connection.conn_type = body.conn_type;
    }
    if let Some(port) = body.port.filter(|_| counts("port")) {
        connection.port = port;
    }
    if let Some(password) = body.password.filter(|_| counts("password"))
        && password.as_deref() != Some(MASK)
    {
        connection.password = password.filter(|password| !password.is_empty());
    }
    if let Some(extra) = body.extra.filter(|_| counts("extra")) {
        connection.extra = extra.map(|extra| merged(&extra, &connection)).transpose()?;
    }
    Ok(connection)
}

fn wrong_extra(message: impl AsRef<str>) -> ApiError {
    ApiError::unprocessable("value_error", &[json!("body"), json!("extra")], message.as_ref())
}

/// The new `extra`, with what was there where `***` was sent back.
fn merged(extra: &str, before: &Connection) -> Result<String, String> {
    // Nothing is an empty object, as in Airflow.
    let given = Value::Object(parse_extra(extra).map_err(|error| error.to_string())?);
    let restored = restored(&given, &Value::Object(before.extra_object()));
    Ok(if restored == given && !extra.trim().is_empty() { extra.to_owned() } else { dumps(&restored) })
}

/// Deletes a connection.
#[utoipa::path(delete, path = "/connections/{connection_id}", tag = "Connection",
    params(("connection_id" = String, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_connection(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    api.doors.delete_connection(&who, &id).await.map_err(refusal(&id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tries a connection, from where the web server runs: a PostgreSQL is opened, an HTTP server is asked. What the body
/// leaves out of a connection that exists, or has as `***`, is as it is stored.
#[utoipa::path(post, path = "/connections/test", tag = "Connection", request_body = ConnectionBody,
    responses((status = 200, body = ConnectionTest), (status = 403, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn test_connection(
    State(api): State<Api>,
    Body(body): Body<ConnectionBody>,
) -> ApiResult<Json<ConnectionTest>> {
    let known = api.store.api_connection(&body.connection_id).await?;
    let connection = patched(known.map(|row| row.connection).unwrap_or_default(), body).map_err(wrong_extra)?;
    let (status, message) = match secrets::probe(&connection).await {
        Ok(message) => (true, message),
        Err(message) => (false, message),
    };
    Ok(Json(ConnectionTest { status, message }))
}

/// Airflow makes its providers' connections here; flowctl has none of its own.
#[utoipa::path(post, path = "/connections/defaults", tag = "Connection",
    responses((status = 204), (status = 403, body = HttpError)))]
pub(super) async fn create_default_connections() -> ApiResult<StatusCode> {
    Ok(StatusCode::NO_CONTENT)
}

/// Creates, changes and deletes several connections.
#[utoipa::path(patch, path = "/connections", tag = "Connection", request_body = BulkBody<ConnectionBody>,
    responses((status = 200, body = BulkResponse), (status = 403, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn bulk_connections(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<BulkBody<ConnectionBody>>,
) -> ApiResult<Json<BulkResponse>> {
    bulk::apply::<Connections>(&api, &who, body).await.map(Json)
}

struct Connections;

impl Changeable for Connections {
    type Entity = ConnectionBody;
    const THINGS: &'static str = "connections with these connection_ids";

    fn name(entity: &ConnectionBody) -> &str {
        &entity.connection_id
    }

    async fn known(api: &Api) -> ApiResult<Vec<String>> {
        Ok(api.doors.connection_ids().await?)
    }

    async fn create(api: &Api, who: &LoggedIn, entity: ConnectionBody) -> ApiResult<()> {
        create(api, who, entity).await
    }

    async fn overwrite(api: &Api, who: &LoggedIn, entity: ConnectionBody) -> ApiResult<()> {
        let id = entity.connection_id.clone();
        let new = patched(Connection::default(), entity).map_err(wrong_extra)?;
        api.doors.update_connection(who, &id, new).await.map_err(refusal(&id))
    }

    async fn update(api: &Api, who: &LoggedIn, entity: ConnectionBody, mask: &[String]) -> ApiResult<()> {
        update(api, who, entity, mask).await
    }

    async fn delete(api: &Api, who: &LoggedIn, name: &str) -> ApiResult<()> {
        Ok(api.doors.delete_connection(who, name).await?)
    }
}

fn refusal(id: &str) -> impl FnOnce(ActionError) -> ApiError + use<> {
    let lost = missing::or(missing::connection(id));
    move |error| match error {
        ActionError::Invalid(message) => ApiError::unprocessable("value_error", &[json!("body")], &message),
        error => lost(error),
    }
}

fn wire(row: ConnectionRow) -> api::Connection {
    if let Some(problem) = row.problem {
        tracing::error!(connection.id = row.conn_id, error = %problem, "the secrets of a connection cannot be read");
    }
    let connection = row.connection;
    api::Connection {
        connection_id: row.conn_id,
        conn_type: connection.conn_type,
        description: connection.description,
        host: connection.host,
        login: connection.login,
        schema: connection.schema,
        port: connection.port,
        password: connection.password.map(|_| MASK.to_owned()),
        extra: connection.extra.map(|extra| shown_extra(&extra)),
        team_name: None,
    }
}

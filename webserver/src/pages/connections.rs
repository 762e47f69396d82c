//! Connections: a list, a form that makes or changes one, and a try of it. Secrets are shown as stars.

use api::ConnectionBody;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use model::connection::Connection;
use model::mask::{MASK, shown_extra};
use serde::Deserialize;
use store::read::api::{ConnectionRow, Listing, SecretFilter};

use super::format::segment;
use super::pools::unread;
use super::{PageError, PageResult, Pages, Shell, page};
use crate::api::patched_connection;
use crate::doors::{ActionError, LoggedIn};

/// More than anybody reads; a search finds the others.
const SHOWN: u32 = 500;
/// Offered; any other may be written.
const TYPES: [&str; 14] = [
    "aws",
    "azure",
    "ftp",
    "generic",
    "google_cloud_platform",
    "http",
    "kubernetes",
    "mongo",
    "mysql",
    "postgres",
    "redis",
    "smtp",
    "snowflake",
    "ssh",
];

/// The page's state.
#[derive(Default, Deserialize)]
pub(super) struct ConnectionsQuery {
    /// The connection in the form; empty: a new one.
    edit: Option<String>,
    /// Part of the id.
    #[serde(default)]
    q: String,
}

struct Row {
    id: String,
    conn_type: String,
    /// `ada@db:5432/sales`.
    place: String,
    description: String,
    /// Why its secrets cannot be read; empty: they can.
    problem: String,
    edit_href: String,
    test_href: String,
    delete_href: String,
}

/// What the form shows.
#[derive(Default)]
struct FormView {
    is_new: bool,
    id: String,
    conn_type: String,
    description: String,
    host: String,
    login: String,
    password: String,
    schema: String,
    port: String,
    extra: String,
}

/// How a try went.
struct Tried {
    id: String,
    works: bool,
    message: String,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    shell: Shell,
    rows: Vec<Row>,
    total: u64,
    form: Option<FormView>,
    types: [&'static str; 14],
    tried: Option<Tried>,
    q: String,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<ConnectionsQuery>,
) -> PageResult {
    render(&pages, &who, query, None).await
}

async fn render(pages: &Pages, who: &LoggedIn, query: ConnectionsQuery, tried: Option<Tried>) -> PageResult {
    let shell = Shell::load(pages, who, "connections", String::new()).await?;
    let listing = Listing { limit: SHOWN, offset: 0, order_by: vec!["conn_id".to_owned()] };
    let filter = SecretFilter { name_pattern: Some(query.q.clone()), ..SecretFilter::default() };
    let found = pages.store.api_connections(&filter, &listing).await.map_err(unread)?;
    let form = match query.edit.as_deref() {
        None => None,
        Some("") => Some(FormView { is_new: true, ..FormView::default() }),
        Some(id) => Some(form(load(pages, id).await?)),
    };
    let rows = found.rows.into_iter().map(view).collect();
    page(&ConnectionsPage { shell, rows, total: found.total, form, types: TYPES, tried, q: query.q })
}

async fn load(pages: &Pages, id: &str) -> Result<ConnectionRow, PageError> {
    let row = pages.store.api_connection(id).await.map_err(unread)?;
    row.ok_or_else(|| PageError::NotFound(format!("connection `{id}`")))
}

fn form(row: ConnectionRow) -> FormView {
    let connection = row.connection;
    FormView {
        is_new: false,
        id: row.conn_id,
        conn_type: connection.conn_type,
        description: connection.description.unwrap_or_default(),
        host: connection.host.unwrap_or_default(),
        login: connection.login.unwrap_or_default(),
        password: connection.password.map(|_| MASK.to_owned()).unwrap_or_default(),
        schema: connection.schema.unwrap_or_default(),
        port: connection.port.map(|port| port.to_string()).unwrap_or_default(),
        extra: connection.extra.as_deref().map(shown_extra).unwrap_or_default(),
    }
}

fn view(row: ConnectionRow) -> Row {
    let connection = row.connection;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut place = given(connection.login).map(|login| format!("{login}@")).unwrap_or_default();
    place += &given(connection.host).unwrap_or_default();
    place += &connection.port.map(|port| format!(":{port}")).unwrap_or_default();
    place += &given(connection.schema).map(|schema| format!("/{schema}")).unwrap_or_default();
    let segment = segment(&row.conn_id);
    Row {
        problem: row.problem.map(|problem| problem.to_string()).unwrap_or_default(),
        id: row.conn_id,
        conn_type: connection.conn_type,
        place,
        description: connection.description.unwrap_or_default(),
        edit_href: format!("/connections?edit={segment}"),
        test_href: format!("/connections/{segment}/test"),
        delete_href: format!("/connections/{segment}/delete"),
    }
}

/// The form.
#[derive(Deserialize)]
pub(super) struct ConnectionForm {
    id: String,
    conn_type: String,
    description: String,
    host: String,
    login: String,
    password: String,
    schema: String,
    port: String,
    extra: String,
    #[serde(default)]
    is_new: bool,
}

impl ConnectionForm {
    fn body(self) -> Result<ConnectionBody, ActionError> {
        let text = |text: String| Some(Some(text.trim().to_owned()).filter(|text| !text.is_empty()));
        let port = match self.port.trim() {
            "" => None,
            port => Some(port.parse().map_err(|_| ActionError::Invalid("a port is a number up to 65535".to_owned()))?),
        };
        Ok(ConnectionBody {
            connection_id: self.id.trim().to_owned(),
            conn_type: self.conn_type.trim().to_owned(),
            description: text(self.description),
            host: text(self.host),
            login: text(self.login),
            schema: text(self.schema),
            port: Some(port),
            // Blanks may be a part of it.
            password: Some(Some(self.password).filter(|text| !text.is_empty())),
            extra: text(self.extra),
            team_name: None,
        })
    }
}

/// Creates or changes a connection.
pub(super) async fn save(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Form(form): Form<ConnectionForm>,
) -> Result<Redirect, PageError> {
    let is_new = form.is_new;
    let body = form.body()?;
    let id = body.connection_id.clone();
    let before = if is_new { Connection::default() } else { load(&pages, &id).await?.connection };
    let invalid = |message: String| ActionError::Invalid(message);
    let connection = patched_connection(before, body).map_err(invalid)?;
    if is_new {
        pages.doors.create_connection(&who, &id, connection).await?;
    } else {
        pages.doors.update_connection(&who, &id, connection).await?;
    }
    Ok(Redirect::to("/connections"))
}

/// Tries a connection, and shows how that went.
pub(super) async fn test(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<String>,
) -> PageResult {
    let row = load(&pages, &id).await?;
    let result = match row.problem {
        Some(problem) => Err(problem.to_string()),
        None => secrets::probe(&row.connection).await,
    };
    let works = result.is_ok();
    let (Ok(message) | Err(message)) = result;
    render(&pages, &who, ConnectionsQuery::default(), Some(Tried { id, works, message })).await
}

/// Deletes a connection.
pub(super) async fn delete(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<String>,
) -> Result<Redirect, PageError> {
    pages.doors.delete_connection(&who, &id).await?;
    Ok(Redirect::to("/connections"))
}

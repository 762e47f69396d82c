//! The audit log: who did what to which object, when and from where.

use api::EventLog;
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::Value;
use store::read::api::{EventLogFilter, Listing};

use super::format::{Moment, dag_href, run_href, segment};
use super::{PageResult, Pages, Shell, page, pools};
use crate::api::wire_event_log;
use crate::doors::LoggedIn;

/// On one page.
const SHOWN: u32 = 50;

/// The page's state.
#[derive(Deserialize)]
pub(super) struct AuditLogQuery {
    #[serde(default)]
    dag: String,
    #[serde(default)]
    run: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    page: u32,
}

struct Change {
    name: String,
    before: String,
    after: String,
}

struct Row {
    id: i64,
    when: Moment,
    who: String,
    from: String,
    event: String,
    object: String,
    href: String,
    changes: Vec<Change>,
}

#[derive(Template)]
#[template(path = "audit_log.html")]
struct AuditLogPage {
    shell: Shell,
    dag: String,
    run: String,
    user: String,
    event: String,
    rows: Vec<Row>,
    newer: String,
    older: String,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<AuditLogQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "audit-log", format!("/events?since={since}&tasks=true")).await?;
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = EventLogFilter {
        dag_id: given(&query.dag),
        run_id: given(&query.run),
        username: given(&query.user),
        event: given(&query.event),
        ..EventLogFilter::default()
    };
    let order_by = vec!["-id".to_owned()];
    let listing = Listing { limit: SHOWN, offset: query.page.saturating_mul(SHOWN), order_by };
    let found = pages.store.api_event_logs(&filter, &listing).await.map_err(pools::unread)?;
    let is_more = found.total > u64::from(query.page + 1) * u64::from(SHOWN);
    let rows = found.rows.into_iter().map(wire_event_log).map(row).collect();
    page(&AuditLogPage {
        newer: query.page.checked_sub(1).map(|page| href(&query, page)).unwrap_or_default(),
        older: if is_more { href(&query, query.page + 1) } else { String::new() },
        shell,
        dag: query.dag,
        run: query.run,
        user: query.user,
        event: query.event,
        rows,
    })
}

fn href(query: &AuditLogQuery, page: u32) -> String {
    let fields = [("dag", &query.dag), ("run", &query.run), ("user", &query.user), ("event", &query.event)];
    let given = fields.into_iter().filter(|(_, text)| !text.is_empty());
    given.fold(format!("/audit-log?page={page}"), |url, (name, text)| format!("{url}&{name}={}", segment(text)))
}

fn row(event: EventLog) -> Row {
    let text = |value: Option<&Value>| value.map(short).unwrap_or_default();
    let change = |(name, before, after): (&str, _, _)| Change {
        name: name.to_owned(),
        before: text(before),
        after: text(after),
    };
    let changes = event.changes().into_iter().map(change).collect();
    let element = event.map_index.map(|index| format!("[{index}]")).unwrap_or_default();
    let place: Vec<_> = [&event.dag_id, &event.run_id, &event.task_id].into_iter().flatten().cloned().collect();
    let object = match (&event.object_type, &event.object_name) {
        (Some(kind), Some(name)) if place.is_empty() => format!("{kind} {name}"),
        (Some(kind), Some(name)) => format!("{} · {kind} {name}", place.join(" / ")),
        _ => place.join(" / ") + &element,
    };
    let href = match (&event.dag_id, &event.run_id) {
        (Some(dag_id), Some(run_id)) => run_href(dag_id, run_id),
        (Some(dag_id), None) => dag_href(dag_id),
        _ => String::new(),
    };
    Row {
        id: event.event_log_id,
        when: Moment(event.when),
        who: event.owner.unwrap_or_default(),
        from: event.address.unwrap_or_default(),
        event: event.event,
        object,
        href,
        changes,
    }
}

/// Lists of task instances by their number, one of them by its state.
fn short(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => match entries.as_slice() {
            [one] if one["state"].is_string() => one["state"].as_str().unwrap_or_default().to_owned(),
            entries => format!("{} task instances", entries.len()),
        },
        other => other.to_string(),
    }
}

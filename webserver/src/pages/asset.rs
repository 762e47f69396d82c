//! One asset: what its file says of it, who names it, and its updates.

use api::{Asset, AssetEvent};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Redirect;
use serde_json::{Map, Value};
use store::read::api::{AssetEventFilter, Listing};

use super::catalog::{Link, asset_href, dags};
use super::format::{Fact, Moment, absolute, dag_href, fact, run_href, setting, task_href};
use super::{PageError, PageResult, Pages, Shell, page, pools};
use crate::api::{wire_asset, wire_asset_event};
use crate::doors::LoggedIn;

/// Updates on the page.
const SHOWN: u32 = 50;

struct ColumnView {
    name: String,
    kind: String,
    is_key: bool,
    description: String,
    default: String,
}

struct EventView {
    id: i64,
    at: Moment,
    source: Option<Link>,
    posted_by: String,
    partition: String,
    extra: String,
    runs: Vec<Link>,
}

#[derive(Template)]
#[template(path = "asset.html")]
struct AssetPage {
    shell: Shell,
    id: i64,
    name: String,
    description: String,
    overdue: String,
    facts: Vec<Fact>,
    columns: Vec<ColumnView>,
    producers: Vec<Link>,
    consumers: Vec<Link>,
    waiting: Vec<Link>,
    events: Vec<EventView>,
    total: u64,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> PageResult {
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "assets", format!("/events?since={since}&tasks=true")).await?;
    let row = pages.store.api_asset(id).await.map_err(pools::unread)?;
    let asset = wire_asset(row.ok_or_else(|| PageError::NotFound(format!("asset {id}")))?);
    let filter = AssetEventFilter { asset_id: Some(id), ..AssetEventFilter::default() };
    let listing = Listing { limit: SHOWN, offset: 0, order_by: vec!["-id".to_owned()] };
    let found = pages.store.api_asset_events(&filter, &listing).await.map_err(pools::unread)?;
    let events = found.rows.into_iter().filter_map(|row| wire_asset_event(row).ok()).map(event).collect();
    let tasks = |tasks: &[api::AssetTask]| {
        let link = |task: &api::AssetTask| Link {
            text: format!("{}.{}", task.dag_id, task.task_id),
            href: dag_href(&task.dag_id),
        };
        tasks.iter().map(link).collect()
    };
    page(&AssetPage {
        shell,
        id,
        overdue: overdue(&asset),
        facts: facts(&asset),
        columns: columns(&asset.schema),
        producers: tasks(&asset.producing_tasks),
        consumers: tasks(&asset.consuming_tasks),
        waiting: dags(asset.scheduled_dags.iter().map(|dag| dag.dag_id.as_str())),
        description: asset.description.unwrap_or_default(),
        name: asset.name,
        events,
        total: found.total,
    })
}

/// Records an update that something outside made.
pub(super) async fn update(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> Result<Redirect, PageError> {
    pages.doors.post_asset_event(&who, id, Map::new(), None).await?;
    Ok(Redirect::to(&asset_href(id)))
}

fn overdue(asset: &Asset) -> String {
    let since = asset.overdue_since.map(|at| format!(" since {}", absolute(at))).unwrap_or_default();
    match (asset.is_overdue, asset.fresh_within) {
        (Some(true), Some(within)) => {
            let within = setting(jiff::SignedDuration::from_secs(within));
            format!("It is late{since}: it is to be updated within {within}.")
        }
        _ => String::new(),
    }
}

fn facts(asset: &Asset) -> Vec<Fact> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let within = asset.fresh_within.map(|seconds| setting(jiff::SignedDuration::from_secs(seconds)));
    let last = asset.last_asset_event.as_ref().and_then(|event| event.timestamp);
    vec![
        fact("URI", &asset.uri),
        fact("Group", &asset.group),
        fact("Layer", text(&asset.layer)),
        fact("Owner", text(&asset.owner)),
        fact("Described by", text(&asset.described_by)),
        fact("Fresh within", text(&within)),
        fact("Last update", last.map_or_else(|| "never".to_owned(), absolute)),
    ]
}

fn columns(schema: &Value) -> Vec<ColumnView> {
    let column = |(name, column): (&String, &Value)| {
        let text = |key: &str| column.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        ColumnView {
            name: name.clone(),
            kind: text("type"),
            is_key: column.get("key").and_then(Value::as_bool).unwrap_or(false),
            description: text("description"),
            default: column.get("default").map(Value::to_string).unwrap_or_default(),
        }
    };
    schema.as_object().into_iter().flatten().map(column).collect()
}

fn event(event: AssetEvent) -> EventView {
    let source = event.source_dag_id.as_ref().zip(event.source_run_id.as_ref()).zip(event.source_task_id.as_ref());
    let run = |run: &api::AssetEventDagRun| Link {
        text: format!("{} {}", run.dag_id, run.run_id),
        href: run_href(&run.dag_id, &run.run_id),
    };
    let interval = event.data_interval_start.zip(event.data_interval_end);
    EventView {
        id: event.id,
        at: Moment(event.timestamp),
        source: source.map(|((dag_id, run_id), task_id)| Link {
            text: format!("{dag_id}.{task_id}"),
            href: task_href(dag_id, run_id, task_id, event.source_map_index),
        }),
        posted_by: event.posted_by.unwrap_or_default(),
        partition: interval.map(|(start, end)| format!("{} – {}", absolute(start), absolute(end))).unwrap_or_default(),
        extra: if event.extra.is_empty() { String::new() } else { Value::from(event.extra).to_string() },
        runs: event.created_dagruns.iter().map(run).collect(),
    }
}

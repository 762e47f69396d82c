//! Assets: what there is, who updates it, who waits for it, and what is late.

use api::Asset;
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use serde::Deserialize;
use store::read::api::{AssetFilter, Listing, Pattern};

use super::format::{Moment, dag_href};
use super::{PageResult, Pages, Shell, page, pools};
use crate::api::wire_asset;
use crate::doors::LoggedIn;

/// More assets than anybody reads.
const SHOWN: u32 = 500;

/// The page's state.
#[derive(Deserialize)]
pub(super) struct CatalogQuery {
    #[serde(default)]
    search: String,
}

/// A link.
pub(super) struct Link {
    pub(super) text: String,
    pub(super) href: String,
}

struct Row {
    id: i64,
    name: String,
    uri: String,
    href: String,
    layer: String,
    owner: String,
    description: String,
    updated: Option<Moment>,
    producers: Vec<Link>,
    waiting: Vec<Link>,
    is_overdue: bool,
}

#[derive(Template)]
#[template(path = "catalog.html")]
struct CatalogPage {
    shell: Shell,
    search: String,
    rows: Vec<Row>,
    more: u64,
}

/// Path of an asset's page. Below `/assets/` are the files that pages are made of.
pub(super) fn asset_href(id: i64) -> String {
    format!("/asset/{id}")
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<CatalogQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "assets", format!("/events?since={since}&tasks=true")).await?;
    let search = query.search.trim().to_owned();
    let uri_is = Pattern { contains: (!search.is_empty()).then(|| literal(&search)), begins: None };
    let filter = AssetFilter { uri_is, ..AssetFilter::default() };
    let listing = Listing { limit: SHOWN, offset: 0, order_by: vec!["name".to_owned()] };
    let found = pages.store.api_assets(&filter, &listing).await.map_err(pools::unread)?;
    let rows: Vec<Row> = found.rows.into_iter().map(wire_asset).map(row).collect();
    let more = found.total.saturating_sub(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    page(&CatalogPage { shell, search, rows, more })
}

/// What people type stands for itself, not for a pattern.
fn literal(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_").replace('|', "_")
}

/// Links to DAGs, each once.
pub(super) fn dags<'a>(dag_ids: impl Iterator<Item = &'a str>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for dag_id in dag_ids {
        if !links.iter().any(|link| link.text == dag_id) {
            links.push(Link { text: dag_id.to_owned(), href: dag_href(dag_id) });
        }
    }
    links
}

fn row(asset: Asset) -> Row {
    Row {
        href: asset_href(asset.id),
        id: asset.id,
        layer: asset.layer.unwrap_or_default(),
        owner: asset.owner.unwrap_or_default(),
        description: asset.description.unwrap_or_default(),
        updated: asset.last_asset_event.and_then(|event| event.timestamp).map(Moment),
        producers: dags(asset.producing_tasks.iter().map(|task| task.dag_id.as_str())),
        waiting: dags(asset.scheduled_dags.iter().map(|dag| dag.dag_id.as_str())),
        is_overdue: asset.is_overdue == Some(true),
        uri: if asset.uri == asset.name { String::new() } else { asset.uri },
        name: asset.name,
    }
}

//! Pools: who holds their slots, who waits, and a form that changes one.

use std::cmp::Ordering;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use model::pool::DEFAULT_POOL;
use serde::Deserialize;
use store::read::api::{Listing, PoolFilter, PoolRow, ReadError};

use super::format::segment;
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::{LoggedIn, PoolWish};

/// More pools than anybody reads.
const SHOWN: u32 = 500;

/// The page's state.
#[derive(Deserialize)]
pub(super) struct PoolsQuery {
    /// The pool in the form; empty: a new one.
    edit: Option<String>,
}

/// A stretch of a usage bar, in per cent of its length.
struct Stretch {
    state: &'static str,
    x: String,
    width: String,
}

struct Row {
    name: String,
    description: String,
    slots: String,
    /// `3 of 4`.
    used: String,
    parts: String,
    bar: Vec<Stretch>,
    waiting: i64,
    rate: String,
    /// `full`; `over` where more is held than the pool has.
    badge: &'static str,
    /// There is nothing that a bar could fill.
    is_unbound: bool,
    include_deferred: bool,
    edit_href: String,
    delete_href: String,
    /// Why it cannot be deleted, as attributes of the button.
    locked: String,
}

/// What the form shows.
#[derive(Default)]
struct FormView {
    is_new: bool,
    name: String,
    slots: String,
    description: String,
    rate: String,
    include_deferred: bool,
    is_default: bool,
}

#[derive(Template)]
#[template(path = "pools.html")]
struct PoolsPage {
    shell: Shell,
    rows: Vec<Row>,
    form: Option<FormView>,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<PoolsQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "pools", format!("/events?since={since}&tasks=true")).await?;
    let listing = Listing { limit: SHOWN, offset: 0, order_by: vec!["name".to_owned()] };
    let found = pages.store.api_pools(&PoolFilter::default(), &listing).await.map_err(unread)?;
    let locked = shell.locked("pool.delete");
    let form = match query.edit.as_deref() {
        None => None,
        Some("") => Some(FormView { is_new: true, slots: "1".to_owned(), ..FormView::default() }),
        Some(name) => {
            let row = found.rows.iter().find(|row| row.name == name);
            Some(form(row.ok_or_else(|| PageError::NotFound(format!("pool `{name}`")))?))
        }
    };
    let rows = found.rows.iter().map(|row| view(row, &locked)).collect();
    page(&PoolsPage { shell, rows, form })
}

pub(super) fn unread(error: ReadError) -> PageError {
    match error {
        ReadError::Database(source) => PageError::Database(source),
        // The order is this page's own.
        ReadError::OrderBy { .. } | ReadError::Value(_) | ReadError::Cursor(_) => {
            PageError::NotFound("such order".to_owned())
        }
    }
}

fn form(row: &PoolRow) -> FormView {
    FormView {
        is_new: false,
        name: row.name.clone(),
        slots: row.slots.to_string(),
        description: row.description.clone().unwrap_or_default(),
        rate: row.rate.clone().unwrap_or_default(),
        include_deferred: row.include_deferred,
        is_default: row.name == DEFAULT_POOL,
    }
}

fn view(row: &PoolRow, locked: &str) -> Row {
    let (occupied, slots) = (row.occupied(), i64::from(row.slots));
    let bound = if slots < 0 { "no bound".to_owned() } else { slots.to_string() };
    let deferred = if row.include_deferred { row.deferred } else { 0 };
    let parts = [(row.running, "running"), (row.queued, "queued"), (deferred, "deferred")];
    let named = parts.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}"));
    let locked = if row.name == DEFAULT_POOL {
        " disabled title=\"tasks that name no pool are in it\"".to_owned()
    } else {
        locked.to_owned()
    };
    Row {
        used: if slots < 0 { occupied.to_string() } else { format!("{occupied} of {slots}") },
        parts: named.collect::<Vec<_>>().join(", "),
        bar: bar(&parts, slots.max(occupied)),
        waiting: row.scheduled,
        rate: row.rate.clone().unwrap_or_default(),
        badge: match occupied.cmp(&slots) {
            Ordering::Greater if slots >= 0 => "over",
            Ordering::Equal if slots > 0 => "full",
            Ordering::Less | Ordering::Equal | Ordering::Greater => "",
        },
        is_unbound: slots < 0,
        include_deferred: row.include_deferred,
        edit_href: format!("/pools?edit={}", segment(&row.name)),
        delete_href: format!("/pools/{}/delete", segment(&row.name)),
        description: row.description.clone().unwrap_or_default(),
        name: row.name.clone(),
        slots: bound,
        locked,
    }
}

/// The stretches of those that hold slots, one after the other.
#[expect(clippy::cast_precision_loss, reason = "per cent of a bar on a screen")]
fn bar(parts: &[(i64, &'static str)], length: i64) -> Vec<Stretch> {
    let share = |count: i64| 100.0 * count as f64 / length.max(1) as f64;
    let mut before = 0;
    let mut stretches = Vec::new();
    for (count, state) in parts.iter().filter(|(count, _)| *count > 0) {
        let (x, width) = (format!("{:.2}", share(before)), format!("{:.2}", share(*count)));
        stretches.push(Stretch { state, x, width });
        before += count;
    }
    stretches
}

/// The form.
#[derive(Deserialize)]
pub(super) struct PoolForm {
    name: String,
    slots: i32,
    #[serde(default)]
    description: String,
    #[serde(default)]
    rate: String,
    #[serde(default)]
    include_deferred: bool,
    #[serde(default)]
    is_new: bool,
}

/// Creates or changes a pool.
pub(super) async fn save(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Form(form): Form<PoolForm>,
) -> Result<Redirect, PageError> {
    let text = |text: String| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let wish = PoolWish {
        name: form.name.trim().to_owned(),
        slots: form.slots,
        description: text(form.description),
        include_deferred: form.include_deferred,
        rate: text(form.rate),
    };
    if form.is_new {
        pages.doors.create_pool(&who, wish).await?;
    } else {
        pages.doors.update_pool(&who, wish).await?;
    }
    Ok(Redirect::to("/pools"))
}

/// Deletes a pool.
pub(super) async fn delete(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(name): Path<String>,
) -> Result<Redirect, PageError> {
    pages.doors.delete_pool(&who, &name).await?;
    Ok(Redirect::to("/pools"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_what_is_held_where_that_is_more_than_the_pool_has() {
        let row = PoolRow {
            name: "warehouse".to_owned(),
            slots: 2,
            description: None,
            include_deferred: true,
            rate: None,
            running: 3,
            queued: 0,
            scheduled: 5,
            deferred: 1,
            last_start: None,
        };
        let shown = view(&row, "");
        let stretches: Vec<_> =
            shown.bar.iter().map(|part| (part.state, part.x.as_str(), part.width.as_str())).collect();
        assert_eq!(stretches, [("running", "0.00", "75.00"), ("deferred", "75.00", "25.00")]);
        assert_eq!(
            (shown.used.as_str(), shown.parts.as_str(), shown.badge),
            ("4 of 2", "3 running, 1 deferred", "over")
        );
        let unbound = view(&PoolRow { slots: -1, ..row }, "");
        assert_eq!((unbound.used.as_str(), unbound.slots.as_str(), unbound.badge), ("4", "no bound", ""));
    }
}

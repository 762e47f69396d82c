//! The list of DAGs.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use jiff::Timestamp;
use model::state::DagRunState;
use serde::Deserialize;
use store::read::pages::{DagFilter, DagRow, RecentRun};

use super::format::{Moment, absolute, dag_href, escape, glyph, run_href, segment, span};
use super::{PageResult, Pages, Shell, page};
use crate::access::Permission;
use crate::doors::LoggedIn;

/// DAGs on one page.
const PAGE_SIZE: i64 = 50;

/// The page's state, all of it in its address.
#[derive(Deserialize, Default, Clone)]
pub(super) struct DagsQuery {
    #[serde(default)]
    search: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    paused: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    offset: i64,
}

impl DagsQuery {
    fn href(&self) -> String {
        let offset = if self.offset > 0 { self.offset.to_string() } else { String::new() };
        let given = [
            ("search", &self.search),
            ("tag", &self.tag),
            ("paused", &self.paused),
            ("state", &self.state),
            ("offset", &offset),
        ];
        let pairs: Vec<_> = given
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", segment(value)))
            .collect();
        if pairs.is_empty() { "/".to_owned() } else { format!("/?{}", pairs.join("&")) }
    }

    fn is_filtered(&self) -> bool {
        [&self.search, &self.tag, &self.paused, &self.state].iter().any(|value| !value.is_empty())
    }

    fn filter(&self) -> DagFilter {
        DagFilter {
            readable: None,
            search: self.search.trim().to_owned(),
            tag: self.tag.clone(),
            is_paused: self.paused.parse().ok(),
            last_state: self.state.clone(),
            limit: PAGE_SIZE,
            offset: self.offset.max(0),
        }
    }
}

struct Link {
    text: String,
    href: String,
    is_current: bool,
}

struct Choice {
    value: String,
    is_current: bool,
}

struct Dot {
    state: String,
    sign: &'static str,
    href: String,
    title: String,
}

struct Row {
    /// Attributes of its buttons.
    pause_locked: String,
    trigger_locked: String,
    dag_id: String,
    href: String,
    is_paused: bool,
    has_import_errors: bool,
    description: String,
    tags: Vec<Link>,
    /// Empty: only by trigger.
    schedule: String,
    dots: Vec<Dot>,
    last: Option<Moment>,
    next: Option<Moment>,
}

#[derive(Template)]
#[template(path = "dags.html")]
struct DagsPage {
    shell: Shell,
    search: String,
    paused: String,
    dags_folder: String,
    is_filtered: bool,
    chips: Vec<Link>,
    states: Vec<Choice>,
    tags: Vec<Choice>,
    rows: Vec<Row>,
    total: i64,
    previous: String,
    following: String,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<DagsQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "dags", format!("/events?since={since}")).await?;
    let readable = who.scope.dag_ids();
    let counts = pages.store.pages_counts(readable.as_deref()).await?;
    let tags = pages.store.pages_tags(readable.as_deref()).await?;
    let listed = pages.store.pages_dags(&DagFilter { readable, ..query.filter() }).await?;
    let now = (pages.clock)();
    let chip = |text: &str, count: i64, paused: &str| Link {
        text: format!("{text} {count}"),
        href: DagsQuery { paused: paused.to_owned(), offset: 0, ..query.clone() }.href(),
        is_current: query.paused == paused,
    };
    let at = |offset: i64| DagsQuery { offset, ..query.clone() }.href();
    page(&DagsPage {
        chips: vec![
            chip("All", counts.all, ""),
            chip("Active", counts.active, "false"),
            chip("Paused", counts.paused, "true"),
        ],
        states: choices(DagRunState::ALL.iter().map(|state| state.as_str().to_owned()), &query.state),
        tags: choices(tags.into_iter(), &query.tag),
        previous: if query.offset > 0 { at((query.offset - PAGE_SIZE).max(0)) } else { String::new() },
        following: if query.offset + PAGE_SIZE < listed.total { at(query.offset + PAGE_SIZE) } else { String::new() },
        rows: listed.rows.into_iter().map(|dag| row(&who, dag, now)).collect(),
        total: listed.total,
        is_filtered: query.is_filtered(),
        search: query.search,
        paused: query.paused,
        dags_folder: pages.dags_folder.clone(),
        shell,
    })
}

fn choices(values: impl Iterator<Item = String>, current: &str) -> Vec<Choice> {
    values.map(|value| Choice { is_current: value == current, value }).collect()
}

fn row(who: &LoggedIn, dag: DagRow, now: Timestamp) -> Row {
    let locked = |permission| {
        if who.may_for(permission, &dag.dag_id, &dag.tags) {
            String::new()
        } else {
            format!(" disabled title=\"{}\"", escape(&who.refusal(permission).to_string()))
        }
    };
    let may_see_runs = who.may_for(Permission::DagRunRead, &dag.dag_id, &dag.tags);
    let recent = if may_see_runs { dag.recent.as_slice() } else { &[] };
    let (pause_locked, trigger_locked) = (locked(Permission::DagEdit), locked(Permission::DagRunCreate));
    let tag = |text: String| Link { href: format!("/?tag={}", segment(&text)), is_current: false, text };
    Row {
        pause_locked,
        trigger_locked,
        href: dag_href(&dag.dag_id),
        is_paused: dag.is_paused,
        has_import_errors: dag.has_import_errors,
        description: dag.description.unwrap_or_default(),
        tags: dag.tags.into_iter().map(tag).collect(),
        schedule: dag.schedule.unwrap_or_default(),
        last: recent.first().map(|run| Moment(run.started_at.unwrap_or(run.queued_at))),
        next: dag.next_run_after.filter(|_| !dag.is_paused).map(Moment),
        dots: recent.iter().rev().map(|run| dot(&dag.dag_id, run, now)).collect(),
        dag_id: dag.dag_id,
    }
}

fn dot(dag_id: &str, run: &RecentRun, now: Timestamp) -> Dot {
    let took = run
        .started_at
        .map_or_else(String::new, |start| format!(", {}", span(run.ended_at.unwrap_or(now).duration_since(start))));
    Dot {
        href: run_href(dag_id, &run.run_id),
        title: format!("{}: {}{took}, {}", run.run_id, run.state, absolute(run.started_at.unwrap_or(run.queued_at))),
        sign: glyph(&run.state),
        state: run.state.clone(),
    }
}

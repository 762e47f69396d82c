//! Read models of the REST API: one file per resource.
//!
//! A list is two statements at most: its page, and how many there are. What may be asked of a list varies so much that
//! its statements are put together from parts, each of them constant text; only values vary, and they are bound. One
//! entry is read with the same `SELECT`.

mod assets;
mod dag_runs;
mod dag_stats;
mod dag_tags;
mod dags;
mod event_logs;
mod hitl;
mod import_errors;
mod jobs;
mod monitor;
mod pools;
mod secrets;
pub(crate) mod task_instances;
mod times;
mod versions;
mod window;
mod xcoms;

pub use assets::{AssetEventFilter, AssetEventRow, AssetFilter, AssetRow, QueuedEventRow};
pub use dag_runs::{DagRunFilter, DagRunRow, RunState};
pub use dag_stats::DagStateCount;
pub use dags::{DagDetailsRow, DagFilter, DagRow, Favorite};
pub use event_logs::{EventLogFilter, EventLogRow};
pub use hitl::{HitlFilter, HitlRow};
pub use import_errors::{ImportErrorFilter, ImportErrorRow};
pub use jobs::{JobFilter, JobRow};
pub use monitor::HealthRow;
pub use pools::{PoolFilter, PoolRow};
pub use secrets::{ConnectionRow, SecretFilter, VariableRow};
pub use task_instances::{AttemptRow, TaskInstanceFilter, TaskInstanceRow};
pub use times::Times;
pub use versions::{DagSourceRow, DagVersionFilter, DagVersionRow};
pub use window::{Cursor, EXACT_COUNT, Place, Window};
pub use xcoms::{XComFilter, XComRow, XComValueRow};

use jiff::Timestamp;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Postgres, QueryBuilder};

use crate::to_sql;

/// Which part of a list, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Entries at most.
    pub limit: u32,
    /// Entries to leave out before them.
    pub offset: u32,
    /// Names of fields, each descending when a `-` stands before it; empty: the resource's own order.
    pub order_by: Vec<String>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The entries.
    pub rows: Vec<T>,
    /// How many match on all pages.
    pub total: u64,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database refused, or cannot be reached.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// A value of the request is none that the database knows: a text with a NUL, a year that is too far away.
    #[error("a value of the request cannot be looked for: {0}")]
    Value(String),
    /// A cursor that nobody gave.
    #[error("{0}")]
    Cursor(&'static str),
    /// A list cannot be ordered so.
    #[error("cannot order by `{name}`; possible are {possible}")]
    OrderBy {
        /// What was asked for.
        name: String,
        /// What could have been, separated by commas.
        possible: String,
    },
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // Data exceptions.
            sqlx::Error::Database(database) if database.code().is_some_and(|code| code.starts_with("22")) => {
                Self::Value(database.message().to_owned())
            }
            _ => Self::Database(error),
        }
    }
}

/// Bounds of a value; those that are not given do not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    /// At least.
    pub gte: Option<T>,
    /// More than.
    pub gt: Option<T>,
    /// At most.
    pub lte: Option<T>,
    /// Less than.
    pub lt: Option<T>,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self { gte: None, gt: None, lte: None, lt: None }
    }
}

/// An instant in a row. sqlx knows chrono and not jiff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

impl sqlx::Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        <chrono::DateTime<chrono::Utc> as sqlx::Type<Postgres>>::type_info()
    }
}

impl<'r> sqlx::Decode<'r, Postgres> for Instant {
    fn decode(value: PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        <chrono::DateTime<chrono::Utc> as sqlx::Decode<Postgres>>::decode(value).map(|at| Self(crate::from_sql(at)))
    }
}

/// What a text is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    /// As `*_pattern`.
    pub contains: Option<String>,
    /// As `*_prefix_pattern`.
    pub begins: Option<String>,
}

impl Pattern {
    /// Whether it is no condition.
    fn is_any(&self) -> bool {
        let is_none = |pattern: Option<&str>| pattern.is_none_or(|pattern| pattern.is_empty() || pattern == "~");
        is_none(self.contains.as_deref()) && is_none(self.begins.as_deref())
    }

    fn bind(&self, statement: &mut Statement, column: &'static str) {
        and_matches(statement, column, self.contains.as_deref());
        and_begins(statement, column, self.begins.as_deref());
    }
}

/// A statement that grows: constant text and bound values.
type Statement = QueryBuilder<Postgres>;

/// ` AND (column ILIKE one of the patterns)`, as Airflow reads `*_pattern`: a part of the text without regard to case,
/// `%` and `_` as in `LIKE`, `|` between alternatives, `~` for anything.
fn and_matches(statement: &mut Statement, column: &'static str, pattern: Option<&str>) {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty() && *pattern != "~") else { return };
    let mut alternatives: Vec<String> =
        pattern.split('|').map(str::trim).filter(|part| !part.is_empty()).map(|part| format!("%{part}%")).collect();
    if alternatives.is_empty() {
        alternatives.push(format!("%{pattern}%"));
    }
    statement.push(" AND ").push(column).push(" ILIKE ANY (").push_bind(alternatives).push(")");
}

/// ` AND (column begins with one of the alternatives)`, as Airflow reads `*_prefix_pattern`: with regard to case, `%` and
/// `_` as they are, `|` between alternatives, `~` for anything.
fn and_begins(statement: &mut Statement, column: &'static str, pattern: Option<&str>) {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty() && *pattern != "~") else { return };
    let alternatives: Vec<String> = pattern.split('|').map(|part| format!("{}%", literal(part.trim()))).collect();
    statement.push(" AND ").push(column).push(" LIKE ANY (").push_bind(alternatives).push(")");
}

/// A text that `LIKE` takes as it is.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// `%text%` for `ILIKE`, where `%` and `_` of the text stand for themselves.
fn contained(text: &str) -> String {
    format!("%{}%", literal(text))
}

/// ` AND column = ANY (numbers)`, unless there are none.
fn and_among(statement: &mut Statement, column: &'static str, numbers: &[i32]) {
    if !numbers.is_empty() {
        statement.push(" AND ").push(column).push(" = ANY (").push_bind(numbers.to_vec()).push(")");
    }
}

/// ` AND column = ANY (values)`, unless there are none.
fn and_any(statement: &mut Statement, column: &'static str, values: &[String]) {
    if !values.is_empty() {
        statement.push(" AND ").push(column).push(" = ANY (").push_bind(values.to_vec()).push(")");
    }
}

/// ` AND column IN (states)`, unless there are none. They are constant text: bound, they would be a list of text that is
/// turned into states anew for each row, and of which the planner knows nothing.
fn and_in_state(statement: &mut Statement, column: &'static str, states: impl IntoIterator<Item = &'static str>) {
    let mut before = " IN ('";
    for state in states {
        if before == " IN ('" {
            statement.push(" AND ").push(column);
        }
        statement.push(before).push(state).push("'");
        before = ", '";
    }
    if before == ", '" {
        statement.push(")");
    }
}

/// ` AND column = ANY (DAGs)`: none stands for all, an empty list for none.
fn and_readable(statement: &mut Statement, column: &'static str, readable: Option<&[String]>) {
    if let Some(dag_ids) = readable {
        statement.push(" AND ").push(column).push(" = ANY (").push_bind(dag_ids.to_vec()).push(")");
    }
}

/// ` AND column = value`, unless there is none.
fn and_is<T>(statement: &mut Statement, column: &'static str, value: Option<T>)
where
    T: for<'t> sqlx::Encode<'t, Postgres> + sqlx::Type<Postgres>,
{
    if let Some(value) = value {
        statement.push(" AND ").push(column).push(" = ").push_bind(value);
    }
}

/// ` AND column >= …` for each bound of times that is given.
fn and_within(statement: &mut Statement, column: &'static str, range: &Range<Timestamp>) {
    for (operator, bound) in [(" >= ", range.gte), (" > ", range.gt), (" <= ", range.lte), (" < ", range.lt)] {
        if let Some(bound) = bound {
            statement.push(" AND ").push(column).push(operator).push_bind(to_sql(bound));
        }
    }
}

/// The same for seconds.
fn and_lasts(statement: &mut Statement, column: &'static str, range: &Range<f64>) {
    for (operator, bound) in [(" >= ", range.gte), (" > ", range.gt), (" <= ", range.lte), (" < ", range.lt)] {
        if let Some(bound) = bound {
            statement.push(" AND ").push(column).push(operator).push_bind(bound);
        }
    }
}

/// ` ORDER BY …, tie LIMIT … OFFSET …`. `fields` are pairs of a name in the API and its SQL.
fn order_and_cut(
    statement: &mut Statement,
    listing: &Listing,
    fields: &[(&str, &'static str)],
    tie: &'static str,
) -> Result<(), ReadError> {
    statement.push(" ORDER BY ");
    for term in &listing.order_by {
        let (name, direction) = term.strip_prefix('-').map_or((term.as_str(), " ASC"), |name| (name, " DESC"));
        let Some((_, sql)) = fields.iter().find(|(field, _)| *field == name) else {
            let possible = fields.iter().map(|(field, _)| *field).collect::<Vec<_>>().join(", ");
            return Err(ReadError::OrderBy { name: name.to_owned(), possible });
        };
        statement.push(sql).push(direction).push(" NULLS LAST, ");
    }
    statement.push(tie);
    statement.push(" LIMIT ").push_bind(i64::from(listing.limit));
    statement.push(" OFFSET ").push_bind(i64::from(listing.offset));
    Ok(())
}

/// From a `count(*)`, which is never negative.
fn total(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

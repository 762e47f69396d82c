//! Parts of lists that can be long: pages by number or by cursor, counted as far as that is cheap.
//!
//! A cursor is the place of an entry in the list's order: the values it is ordered by, as PostgreSQL writes them. What
//! follows it is found by comparing with them, so the cost of a page does not grow with what lies before it.

use sqlx::FromRow;
use sqlx::postgres::PgRow;

use super::{Listing, ReadError, Statement};
use crate::Store;

/// So many entries are counted; of a longer list it is only known that it has as many (Airflow's bound).
pub const EXACT_COUNT: u64 = 50_000;

/// Values that an entry is ordered by.
pub type Place = Vec<Option<String>>;

/// Where a part of a list that is read by cursor begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// At its beginning.
    Start,
    /// After this entry.
    After(Place),
    /// So that it ends before this entry.
    Before(Place),
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Window<T> {
    /// The entries.
    pub rows: Vec<T>,
    /// How many match in all parts, as far as they were counted.
    pub total: u64,
    /// How far they were counted; a total of as many means at least so many. None: all were.
    pub total_limit: Option<u64>,
    /// The last entry's place, when more follow; only of what was read by cursor.
    pub next: Option<Place>,
    /// The first entry's place, when some are before it.
    pub previous: Option<Place>,
    /// Whether the DAG or the run that it is of exists, where it was looked at.
    pub owner_exists: Option<bool>,
}

/// A name in the API, its SQL, and the type of that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    sql: &'static str,
    kind: &'static str,
    /// A field that never is null is ordered as an index has it, whichever way.
    may_be_null: bool,
}

/// A field that may be null.
pub(super) const fn field(name: &'static str, sql: &'static str, kind: &'static str) -> Field {
    Field { name, sql, kind, may_be_null: true }
}

/// A field that never is null.
pub(super) const fn firm(name: &'static str, sql: &'static str, kind: &'static str) -> Field {
    Field { name, sql, kind, may_be_null: false }
}

/// A list as SQL.
pub(super) struct List<'a> {
    /// `-- name SELECT …`, without `FROM`.
    pub(super) select: &'static str,
    /// ` FROM …`, without conditions.
    pub(super) from: &'static str,
    /// Where the entries of the part are found before the rest of them is read: a join of everything would be made for all
    /// that is left out.
    pub(super) keys: Option<Keys<'a>>,
    /// The DAG, or its run, that it is of.
    pub(super) of: (Option<&'a str>, Option<&'a str>),
    /// The name of the statement that counts.
    pub(super) count: &'static str,
    /// ` FROM …` with as much as the conditions need.
    pub(super) count_from: &'a str,
    /// What it may be ordered by.
    pub(super) fields: &'static [Field],
    /// What tells entries apart that are equal in all that was asked for; never null.
    pub(super) tie: &'static [Field],
}

/// How the entries of a part are found by their keys.
pub(super) struct Keys<'a> {
    /// `SELECT …`: the key.
    pub(super) select: &'static str,
    /// ` FROM …` with as much as conditions and order need; its names are those of the list.
    pub(super) from: &'a (dyn Fn(&[&'static str]) -> String + Sync),
    /// ` FROM (`, the keys, and this: what joins the rest.
    pub(super) rest: &'static str,
}

#[derive(Clone, Copy)]
struct Term {
    field: Field,
    descends: bool,
}

struct Keyed<T> {
    row: T,
    place: Place,
}

impl<'r, T: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Keyed<T> {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { row: T::from_row(row)?, place: sqlx::Row::try_get(row, "place")? })
    }
}

impl Store {
    /// Reads a part of a list in two statements at most. `conditions` appends ` WHERE …`.
    pub(super) async fn window<T>(
        &self,
        list: &List<'_>,
        listing: &Listing,
        cursor: Option<&Cursor>,
        conditions: impl Fn(&mut Statement),
    ) -> Result<Window<T>, ReadError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let terms = terms(list, listing)?;
        let is_backward = matches!(cursor, Some(Cursor::Before(_)));
        let mut statement = Statement::new(list.select);
        statement.push(", ARRAY[");
        for (position, term) in terms.iter().enumerate() {
            statement.push(if position == 0 { "(" } else { ", (" }).push(term.field.sql).push(")::text");
        }
        statement.push("] AS place");
        match &list.keys {
            Some(keys) => {
                let ordered: Vec<_> = terms.iter().map(|term| term.field.sql).collect();
                statement.push(" FROM (").push(keys.select).push((keys.from)(&ordered));
            }
            None => {
                statement.push(list.from);
            }
        }
        conditions(&mut statement);
        if let Some(Cursor::After(place) | Cursor::Before(place)) = cursor {
            if place.len() != terms.len() {
                return Err(ReadError::Cursor("Cursor token does not match current query shape"));
            }
            statement.push(" AND ");
            beyond(&mut statement, &terms, place, is_backward);
        }
        order(&mut statement, &terms, is_backward);
        let limit = u64::from(listing.limit);
        // One more tells whether there are more.
        let (extra, offset) = if cursor.is_some() { (1, 0) } else { (0, u64::from(listing.offset)) };
        statement.push(" LIMIT ").push_bind(signed(limit + extra)).push(" OFFSET ").push_bind(signed(offset));
        if let Some(keys) = &list.keys {
            statement.push(keys.rest);
            order(&mut statement, &terms, is_backward);
        }
        let found: Result<Vec<Keyed<T>>, _> = statement.build_query_as().fetch_all(self.pool()).await;
        let mut found = found.map_err(|error| match error.into() {
            // Nobody was given such a cursor.
            ReadError::Value(_) if !is_start(cursor) => ReadError::Cursor("Invalid cursor token"),
            error => error,
        })?;
        let has_more = found.len() as u64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        if is_backward {
            found.reverse();
        }
        let place = |entry: Option<&Keyed<T>>| entry.map(|entry| entry.place.clone());
        let (next, previous) = match cursor {
            None => (None, None),
            Some(Cursor::Start) => (has_more.then(|| place(found.last())).flatten(), None),
            Some(Cursor::After(_)) => (has_more.then(|| place(found.last())).flatten(), place(found.first())),
            Some(Cursor::Before(_)) => (place(found.last()), has_more.then(|| place(found.first())).flatten()),
        };
        let is_whole =
            is_start(cursor) && !has_more && (found.len() as u64) < limit && (offset == 0 || !found.is_empty());
        let bound = EXACT_COUNT.max(offset + limit + 1);
        let (total, owner_exists) =
            if is_whole { (offset + found.len() as u64, None) } else { self.count(list, bound, conditions).await? };
        let total_limit = (cursor.is_some() || total == bound).then_some(bound);
        Ok(Window {
            rows: found.into_iter().map(|entry| entry.row).collect(),
            total,
            total_limit,
            next,
            previous,
            owner_exists,
        })
    }

    /// How many there are, and whether what they are of exists: nobody has to ask that then, when there are none.
    async fn count(
        &self,
        list: &List<'_>,
        bound: u64,
        conditions: impl Fn(&mut Statement),
    ) -> Result<(u64, Option<bool>), ReadError> {
        let mut statement = Statement::new(list.count);
        statement.push("\nSELECT count(*), ");
        match list.of {
            (None, _) => statement.push("true"),
            (Some(dag_id), None) => {
                statement.push("EXISTS (SELECT FROM dag WHERE dag_id = ").push_bind(dag_id.to_owned()).push(")")
            }
            (Some(dag_id), Some(run_id)) => {
                statement.push("EXISTS (SELECT FROM dag_run WHERE dag_id = ").push_bind(dag_id.to_owned());
                statement.push(" AND run_id = ").push_bind(run_id.to_owned()).push(")")
            }
        };
        statement.push(" FROM (SELECT").push(list.count_from);
        conditions(&mut statement);
        statement.push(" LIMIT ").push_bind(signed(bound)).push(") AS counted");
        let (count, exists): (i64, bool) = statement.build_query_as().fetch_one(self.pool()).await?;
        Ok((super::total(count), Some(exists)))
    }
}

/// Whether a part begins with the list.
const fn is_start(cursor: Option<&Cursor>) -> bool {
    matches!(cursor, None | Some(Cursor::Start))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What the list is ordered by: as asked for, then by what tells its entries apart.
fn terms(list: &List<'_>, listing: &Listing) -> Result<Vec<Term>, ReadError> {
    let mut terms: Vec<Term> = Vec::new();
    for term in &listing.order_by {
        let (name, descends) = term.strip_prefix('-').map_or((term.as_str(), false), |name| (name, true));
        let Some(field) = list.fields.iter().find(|field| field.name == name) else {
            let possible = list.fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
            return Err(ReadError::OrderBy { name: name.to_owned(), possible });
        };
        if terms.iter().all(|known| known.field.sql != field.sql) {
            terms.push(Term { field: *field, descends });
        }
    }
    // All one way where that is possible, so that an index can be read backwards.
    let descends = terms.first().is_some_and(|first| first.descends);
    for field in list.tie {
        if terms.iter().all(|known| known.field.sql != field.sql) {
            terms.push(Term { field: *field, descends });
        }
    }
    Ok(terms)
}

fn order(statement: &mut Statement, terms: &[Term], is_backward: bool) {
    for (position, term) in terms.iter().enumerate() {
        statement.push(if position == 0 { " ORDER BY " } else { ", " }).push(term.field.sql);
        statement.push(if term.descends == is_backward { " ASC" } else { " DESC" });
        if term.field.may_be_null {
            statement.push(if is_backward { " NULLS FIRST" } else { " NULLS LAST" });
        }
    }
}

/// The condition of what lies beyond a place: `at least as far in the first value, and (farther, or beyond in the
/// others)`. Airflow's shape: an index on the first value can begin at the place.
fn beyond(statement: &mut Statement, terms: &[Term], place: &Place, is_backward: bool) {
    let mut parts: Vec<_> = terms.iter().zip(place).collect();
    let Some((last, last_value)) = parts.pop() else {
        statement.push("true");
        return;
    };
    let depth = parts.len();
    for (term, value) in parts {
        statement.push("(");
        compare(statement, term, value.as_deref(), is_backward, true);
        statement.push(" AND (");
        compare(statement, term, value.as_deref(), is_backward, false);
        statement.push(" OR ");
    }
    compare(statement, last, last_value.as_deref(), is_backward, false);
    statement.push("))".repeat(depth));
}

/// At a place in one value, or farther. Null stands behind all values.
fn compare(statement: &mut Statement, term: &Term, value: Option<&str>, is_backward: bool, or_equal: bool) {
    let column = term.field.sql;
    let Some(value) = value else {
        match (is_backward, or_equal) {
            (false, true) => statement.push(column).push(" IS NULL"),
            (false, false) => statement.push("false"),
            (true, true) => statement.push("true"),
            (true, false) => statement.push(column).push(" IS NOT NULL"),
        };
        return;
    };
    let operator = match (term.descends == is_backward, or_equal) {
        (true, true) => " >= ",
        (true, false) => " > ",
        (false, true) => " <= ",
        (false, false) => " < ",
    };
    statement.push("(").push(column).push(operator).push_bind(value.to_owned()).push("::").push(term.field.kind);
    if term.field.may_be_null && !is_backward {
        statement.push(" OR ").push(column).push(" IS NULL");
    }
    statement.push(")");
}

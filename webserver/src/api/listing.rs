//! What all lists take: a page, an order, and bounds of times.

use std::fmt;
use std::str::FromStr;

use api::{DEFAULT_LIMIT, MAX_LIMIT};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use store::read::api::{Cursor, Listing, Pattern, Place, Range};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};

/// Terms of an order at most, as in Airflow.
const MAX_TERMS: usize = 10;

/// The page that is asked for.
pub(super) fn listing(limit: Option<u32>, offset: Option<u32>, order_by: &[String]) -> Listing {
    // Airflow's clients send one name per parameter; people send several with commas.
    let terms = order_by.iter().flat_map(|term| term.split(','));
    let order_by = terms.map(|term| term.trim().to_owned()).filter(|term| !term.is_empty()).take(MAX_TERMS).collect();
    Listing { limit: limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT), offset: offset.unwrap_or(0), order_by }
}

/// Before the token of a cursor that leads back (Airflow's).
const BACKWARD: char = '~';

/// Where a part of a list begins that is asked for by cursor; none: it is asked for by offset.
pub(super) fn cursor(text: Option<&str>) -> ApiResult<Option<Cursor>> {
    let Some(text) = text else { return Ok(None) };
    if text.is_empty() {
        return Ok(Some(Cursor::Start));
    }
    let (token, is_backward) = text.strip_prefix(BACKWARD).map_or((text, false), |token| (token, true));
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let place: Option<Place> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let place = place.ok_or_else(|| ApiError::bad_request("Invalid cursor token"))?;
    Ok(Some(if is_backward { Cursor::Before(place) } else { Cursor::After(place) }))
}

/// The tokens of a part's two ends: `next_cursor` and `previous_cursor`.
pub(super) fn tokens(next: Option<&Place>, previous: Option<&Place>) -> (Option<String>, Option<String>) {
    let token = |place: &Place| URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default());
    (next.map(token), previous.map(|place| format!("{BACKWARD}{}", token(place))))
}

/// What `*_pattern` and `*_prefix_pattern` say.
pub(super) const fn pattern(contains: Option<String>, begins: Option<String>) -> Pattern {
    Pattern { contains, begins }
}

/// `~` in a path stands for all.
pub(super) fn unless_all(id: String) -> Option<String> {
    (id != "~").then_some(id)
}

/// An instant in a query: RFC 3339; a date or a time without a zone is UTC, as in Airflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub(super) struct When(pub(super) Timestamp);

impl FromStr for When {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        // A `+` that was not escaped arrives as a blank.
        let text = if text.contains('T') { text.replace(' ', "+") } else { text.to_owned() };
        let at = text.parse::<Timestamp>().or_else(|error| {
            let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
            civil.map_err(|_| error)?.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
        });
        at.map(Self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: jiff::Error| serde::de::Error::custom(Refused(&text, error)))
    }
}

struct Refused<'a>(&'a str, jiff::Error);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no date and no time such as 2026-01-31T00:00:00Z: {}", self.0, self.1)
    }
}

/// Bounds of a time from the four parameters that give them.
pub(super) fn bounds(gte: Option<When>, gt: Option<When>, lte: Option<When>, lt: Option<When>) -> Range<Timestamp> {
    Range { gte: gte.map(|at| at.0), gt: gt.map(|at| at.0), lte: lte.map(|at| at.0), lt: lt.map(|at| at.0) }
}

/// The bounds of times in a query of runs or of task instances. They are fields of both queries, and not of a part
/// that both flatten, because serde would then no longer say which parameter it refuses.
macro_rules! times {
    ($query:ident) => {{
        use crate::api::listing::bounds;
        store::read::api::Times {
            run_after: bounds($query.run_after_gte, $query.run_after_gt, $query.run_after_lte, $query.run_after_lt),
            logical_date: bounds(
                $query.logical_date_gte,
                $query.logical_date_gt,
                $query.logical_date_lte,
                $query.logical_date_lt,
            ),
            started_at: bounds(
                $query.start_date_gte,
                $query.start_date_gt,
                $query.start_date_lte,
                $query.start_date_lt,
            ),
            ended_at: bounds($query.end_date_gte, $query.end_date_gt, $query.end_date_lte, $query.end_date_lt),
            updated_at: bounds(
                $query.updated_at_gte,
                $query.updated_at_gt,
                $query.updated_at_lte,
                $query.updated_at_lt,
            ),
            duration: store::read::api::Range {
                gte: $query.duration_gte,
                gt: $query.duration_gt,
                lte: $query.duration_lte,
                lt: $query.duration_lt,
            },
        }
    }};
}
pub(super) use times;

/// The same of a body, whose times are instants.
macro_rules! body_times {
    ($body:expr) => {
        store::read::api::Times {
            run_after: store::read::api::Range {
                gte: $body.run_after_gte,
                gt: $body.run_after_gt,
                lte: $body.run_after_lte,
                lt: $body.run_after_lt,
            },
            logical_date: store::read::api::Range {
                gte: $body.logical_date_gte,
                gt: $body.logical_date_gt,
                lte: $body.logical_date_lte,
                lt: $body.logical_date_lt,
            },
            started_at: store::read::api::Range {
                gte: $body.start_date_gte,
                gt: $body.start_date_gt,
                lte: $body.start_date_lte,
                lt: $body.start_date_lt,
            },
            ended_at: store::read::api::Range {
                gte: $body.end_date_gte,
                gt: $body.end_date_gt,
                lte: $body.end_date_lte,
                lt: $body.end_date_lt,
            },
            updated_at: store::read::api::Range::default(),
            duration: store::read::api::Range {
                gte: $body.duration_gte,
                gt: $body.duration_gt,
                lte: $body.duration_lte,
                lt: $body.duration_lt,
            },
        }
    };
}
pub(super) use body_times;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_at_most_a_hundred_entries_and_fifty_if_nobody_says() {
        assert_eq!(listing(None, None, &[]).limit, 50);
        assert_eq!(listing(Some(1000), None, &[]).limit, 100);
        assert_eq!(listing(None, Some(7), &["-a,b".to_owned()]).order_by, ["-a", "b"]);
    }

    #[test]
    fn times_in_queries_may_lack_zone_time_and_escapes() {
        let expected = When("2026-01-01T00:00:00Z".parse().expect("an instant"));
        for text in ["2026-01-01T00:00:00Z", "2026-01-01T09:00:00 09:00", "2026-01-01T00:00:00", "2026-01-01"] {
            assert_eq!(text.parse::<When>().expect(text), expected);
        }
        assert!("soon".parse::<When>().is_err());
    }
}

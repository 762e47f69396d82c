//! Dates on the command line.

use api::DagDetails;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use crate::client::Client;
use crate::failure::Failure;

/// A date as a person gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// With an offset.
    Instant(Timestamp),
    /// Without one: on the wall clock of the DAG's zone.
    Civil(civil::DateTime),
}

/// Reads a date, for clap.
pub(crate) fn parse(text: &str) -> Result<When, String> {
    let instant = text.parse().map(When::Instant);
    instant.or_else(|_| text.parse().map(When::Civil)).map_err(|_| {
        "it must be a date such as 2026-01-01, or a time such as 2026-01-01T06:00 (both in the DAG's time zone) or \
         2026-01-01T06:00:00+09:00"
            .to_owned()
    })
}

impl When {
    /// The instant; a date without an offset is read in the time zone that the DAG's file names.
    pub(crate) async fn resolve(self, client: &Client, dag_id: &str) -> anyhow::Result<Timestamp> {
        let civil = match self {
            Self::Instant(instant) => return Ok(instant),
            Self::Civil(civil) => civil,
        };
        let details: DagDetails = client.get(&["dags", dag_id, "details"], &[]).await?;
        let zone = details.timezone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::get)?;
        let zoned = zone.to_ambiguous_zoned(civil).compatible();
        Ok(zoned.map_err(|error| Failure::usage(format!("{civil} is out of range: {error}")))?.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::{When, parse};

    #[test]
    fn dates_are_read_with_and_without_a_zone() {
        assert_eq!(parse("2026-01-01T06:00:00+09:00"), Ok(When::Instant("2025-12-31T21:00:00Z".parse().unwrap())));
        assert_eq!(parse("2026-01-01"), Ok(When::Civil(jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0))));
        assert_eq!(parse("2026-01-01T06:00"), Ok(When::Civil(jiff::civil::date(2026, 1, 1).at(6, 0, 0, 0))));
    }

    #[test]
    fn what_is_no_date_is_refused_with_what_would_be() {
        for text in ["", "yesterday", "2026-13-01", "01/02/2026"] {
            assert!(parse(text).unwrap_err().contains("2026-01-01T06:00:00+09:00"), "{text}");
        }
    }
}

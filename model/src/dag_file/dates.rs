//! Dates and time zones of a file.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::node::Node;
use super::problems::Problems;
use super::read;

/// A date, a date and time, or an RFC 3339 instant; without an offset it is in `timezone`.
pub(super) fn instant(node: &Node, what: &str, timezone: &TimeZone, problems: &mut Problems) -> Option<Timestamp> {
    let text = read::text(node, what, problems)?;
    let read = text.parse::<Timestamp>().ok().or_else(|| {
        let naive = text.parse::<civil::DateTime>().ok()?;
        timezone.to_ambiguous_zoned(naive).compatible().ok().map(|zoned| zoned.timestamp())
    });
    if read.is_none() {
        let message = format!(
            "`{what}` must be a date such as `2026-01-01`, or a time such as `2026-01-01T06:00` or `2026-01-01T06:00:00+09:00`, not `{text}`"
        );
        problems.error(node.at, message);
    }
    read
}

/// An IANA time zone.
pub(super) fn timezone(node: &Node, problems: &mut Problems) -> Option<(String, TimeZone)> {
    let name = read::text(node, "timezone", problems)?;
    if let Ok(zone) = TimeZone::get(&name) {
        return Some((name, zone));
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let help = super::problems::did_you_mean(&name, names.iter().map(String::as_str));
    problems.error_with_help(
        node.at,
        format!("there is no time zone `{name}`; use an IANA name such as `Asia/Seoul`"),
        help,
    );
    None
}

//! How instants and durations are written.

use jiff::Timestamp;

/// `2026-01-31 07:00:00Z`; a dash for none.
pub(crate) fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// `<1 ms`, `120ms`, `4.2s`, `3m 07s`, `2h 05m`, `3d 4h`; a dash for none.
pub(crate) fn span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "–".to_owned() };
    let millis = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis();
    let whole = millis / 1000;
    match whole {
        0 if millis == 0 => "<1 ms".to_owned(),
        0 => format!("{millis}ms"),
        1..60 => format!("{whole}.{}s", (millis % 1000) / 100),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h {:02}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0.0, 0.12, 4.25, 187.0, 7_500.0, 360_000.0].map(|seconds| span(Some(seconds)));
        assert_eq!(shown, ["<1 ms", "120ms", "4.2s", "3m 07s", "2h 05m", "4d 4h"]);
        assert_eq!(span(None), "–");
    }
}

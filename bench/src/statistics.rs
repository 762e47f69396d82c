//! Medians and percentiles, as the table shows them.

use std::time::Duration;

/// `50,123/s [44,001..52,340]`: the median, the least and the greatest.
pub(crate) fn rates(mut rates: Vec<f64>) -> String {
    rates.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (rates.first(), rates.last()) else { return "–".to_owned() };
    format!("{}/s [{}..{}]", grouped(rates[rates.len() / 2]), grouped(*least), grouped(*most))
}

/// `0.31 ms / 0.55 ms`: the median and the 99th percentile.
pub(crate) fn latencies(mut latencies: Vec<Duration>) -> String {
    latencies.sort();
    format!("{} / {}", millis(percentile(&latencies, 50)), millis(percentile(&latencies, 99)))
}

/// Of a sorted list.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

/// `0.31 ms`.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// `50,123`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

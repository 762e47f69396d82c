//! Waiting for a condition, with a deadline that only a hang reaches.

use std::time::{Duration, Instant};

/// Long enough for a loaded machine; nothing waits this long unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until `condition` gives something; panics with `what` and the `context` after [`DEADLINE`].
pub(crate) async fn until_some<T>(
    what: &str,
    context: impl Fn() -> String,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}\n{}", context());
        tokio::time::sleep(LOOK).await;
    }
}

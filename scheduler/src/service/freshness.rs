//! Assets that are to be updated within a time: told once when one is late, and once when it is fresh again.

use model::asset::freshness::turns;
use model::ids::Epoch;
use store::Store;

use super::SystemClock;
use crate::ports::Clock;

/// Looks at all watched assets. What is told is in the database first, so that the next leader does not tell it again.
pub(super) async fn watch_assets(store: &Store, epoch: Epoch) -> Result<(), store::Error> {
    let now = SystemClock.now();
    let turns = turns(&store.watched_assets().await?, now);
    if turns.is_empty() {
        return Ok(());
    }
    let turned = store.turn_assets(epoch, &turns, now).await?;
    for turn in turns.iter().filter(|turn| turned.contains(&turn.id)) {
        if turn.is_overdue {
            tracing::error!(asset.uri = turn.uri, "{}", turn.message);
        } else {
            tracing::info!(asset.uri = turn.uri, "{}", turn.message);
        }
    }
    Ok(())
}

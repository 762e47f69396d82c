//! Hints between processes. No decision depends on what they say or on whether they arrive: whoever gets one looks, and
//! whoever gets none looks anyway, a little later. What they name ([`crate::hint`]) only spares open pages a look.

use std::collections::BTreeMap;

use model::ids::DagRunKey;
use sqlx::postgres::PgListener;

use crate::{Result, Store};

/// Somebody changed something that the leader has to look at.
pub const CHANGE: &str = "flowctl_change";
/// The leader wrote something that pages may show.
pub const PROGRESS: &str = "flowctl_progress";

/// A pool was created: DAG files that name it can be read now.
pub const POOL: &str = "flowctl_pool";

/// Receives hints on a connection of its own.
pub struct Hints {
    listener: PgListener,
}

impl Hints {
    /// The channel of the next hint. After an error the connection is gone: listen again.
    pub async fn recv(&mut self) -> Result<String> {
        Ok(self.listener.recv().await?.channel().to_owned())
    }
}

impl Store {
    /// Listens on some of [`CHANGE`], [`PROGRESS`] and [`POOL`].
    pub async fn listen(&self, channels: &[&str]) -> Result<Hints> {
        let mut listener = PgListener::connect_with(self.pool()).await?;
        listener.listen_all(channels.iter().copied()).await?;
        Ok(Hints { listener })
    }

    /// Tells pages which runs changed, each with whether its own state did. In a statement of its own, never in the
    /// leader's transaction: a commit that notifies holds a lock over the whole database.
    pub async fn notify_progress(&self, runs: &BTreeMap<DagRunKey, bool>) -> Result<()> {
        let payload = crate::hint::payload(runs);
        sqlx::query!("-- progress.notify\nSELECT pg_notify('flowctl_progress', $1)", payload)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

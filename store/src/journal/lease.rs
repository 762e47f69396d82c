//! Who leads.

use model::ids::Epoch;

use super::LeaderJournal;

/// How long a lease holds without being renewed. A standby leads at most this long after the leader died.
const LEASE: &str = "3 seconds";

impl LeaderJournal {
    /// Takes the lease if it is free, expired or already ours: the new epoch, or none while somebody else leads.
    pub async fn take_over(&self) -> Result<Option<Epoch>, sqlx::Error> {
        let epoch = sqlx::query_scalar!(
            "-- leader_lease.take_over
             UPDATE leader_lease
             SET epoch = epoch + 1, owner = $1, owner_name = $2, expires_at = clock_timestamp() + $3::text::interval
             WHERE id = 1 AND (expires_at < clock_timestamp() OR owner = $1 OR owner IS NULL)
             RETURNING epoch",
            self.owner,
            self.owner_name,
            LEASE
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(epoch.map(Epoch))
    }

    /// Prolongs the lease; false when another epoch has begun.
    pub async fn renew(&self, epoch: Epoch) -> Result<bool, sqlx::Error> {
        let result = sqlx::query!(
            "-- leader_lease.renew
             UPDATE leader_lease SET expires_at = clock_timestamp() + $2::text::interval
             WHERE id = 1 AND epoch = $1",
            epoch.0,
            LEASE
        )
        .execute(&self.pool)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Begins a new epoch of the same leader and prolongs the lease, so that a statement of `epoch` that nobody waits
    /// for any more writes nothing; none when somebody else has led since. A call whose answer was lost can be made
    /// again: the epochs in between are ours.
    pub async fn advance(&self, epoch: Epoch) -> Result<Option<Epoch>, sqlx::Error> {
        let epoch = sqlx::query_scalar!(
            "-- leader_lease.advance
             UPDATE leader_lease SET epoch = epoch + 1, expires_at = clock_timestamp() + $3::text::interval
             WHERE id = 1 AND owner = $1 AND epoch >= $2
             RETURNING epoch",
            self.owner,
            epoch.0,
            LEASE
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(epoch.map(Epoch))
    }

    /// Gives the lease back.
    pub async fn resign(&self, epoch: Epoch) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "-- leader_lease.resign
             UPDATE leader_lease SET owner = NULL, owner_name = NULL, expires_at = '-infinity'
             WHERE id = 1 AND epoch = $1",
            epoch.0
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

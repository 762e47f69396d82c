//! Requests that a client may repeat: each key of a person stands for one request and its answer.
//!
//! 1. [`Store::begin_request`] takes the key, for a while; who comes meanwhile is told that it is under way.
//! 2. The request is carried out.
//! 3. [`Store::finish_request`] keeps the answer; who comes later gets it. After a failure of the server
//!    [`Store::release_request`] lets the next one try again.
//!
//! A server that dies between 2 and 3 leaves a key without an answer: once it is not held any more, the same request is
//! carried out again under the same number, so that whoever creates something for it can see whether it is there.

use jiff::{SignedDuration, Timestamp};

use crate::{Error, Result, Store, from_sql, to_sql};

/// How long a key stands for its request.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long somebody is thought to be at work on a request.
pub const HELD: SignedDuration = SignedDuration::from_secs(60);
/// So often a key may go while it is being looked at.
const LOOKS: u32 = 3;

/// A request's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey(pub i64);

/// What there is to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// Carry it out.
    New(RequestKey),
    /// Carry it out; it may have been carried out before, by somebody who did not live to say so.
    Again(RequestKey),
    /// Somebody is at work on it.
    UnderWay,
    /// It was answered so.
    Answered(String),
    /// The key stands for another request.
    Another,
}

/// A key that somebody looked up.
struct Known {
    id: i64,
    request: String,
    answer: Option<String>,
    held_until: Timestamp,
}

impl Store {
    /// Looks a person's key up, and takes it if the request is to be carried out. `request` tells requests apart.
    pub async fn begin_request(
        &self,
        username: &str,
        key: &str,
        request: &str,
        now: Timestamp,
    ) -> Result<RequestState> {
        self.clean_requests(now).await?;
        for _ in 0..LOOKS {
            if let Some(id) = self.insert_request(username, key, request, now).await? {
                return Ok(RequestState::New(id));
            }
            let Some(known) = self.known_request(username, key).await? else { continue };
            if self.keys().decrypt(&known.request).map_err(unreadable)? != request {
                return Ok(RequestState::Another);
            }
            if let Some(answer) = known.answer {
                return Ok(RequestState::Answered(self.keys().decrypt(&answer).map_err(unreadable)?));
            }
            if known.held_until > now || !self.take_request(known.id, known.held_until, now).await? {
                return Ok(RequestState::UnderWay);
            }
            return Ok(RequestState::Again(RequestKey(known.id)));
        }
        Ok(RequestState::UnderWay)
    }

    /// Keeps the answer.
    pub async fn finish_request(&self, key: RequestKey, answer: &str, now: Timestamp) -> Result<()> {
        let answer = self.keys().encrypt(answer, now).map_err(unreadable)?;
        sqlx::query!("-- idempotency_key.finish\nUPDATE idempotency_key SET answer = $2 WHERE id = $1", key.0, answer)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Lets the next one try again.
    pub async fn release_request(&self, key: RequestKey, now: Timestamp) -> Result<()> {
        sqlx::query!(
            "-- idempotency_key.release\nUPDATE idempotency_key SET held_until = $2 WHERE id = $1 AND answer IS NULL",
            key.0,
            to_sql(now)
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Removes the keys whose time is over.
    pub async fn clean_requests(&self, now: Timestamp) -> Result<()> {
        sqlx::query!(
            "-- idempotency_key.clean\nDELETE FROM idempotency_key WHERE created_at <= $1",
            to_sql(now - KEPT)
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    async fn insert_request(
        &self,
        username: &str,
        key: &str,
        request: &str,
        now: Timestamp,
    ) -> Result<Option<RequestKey>> {
        let request = self.keys().encrypt(request, now).map_err(unreadable)?;
        let id = sqlx::query_scalar!(
            "-- idempotency_key.insert
             INSERT INTO idempotency_key (username, key, request, created_at, held_until) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (username, key) DO NOTHING RETURNING id",
            username,
            key,
            request,
            to_sql(now),
            to_sql(now + HELD)
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(id.map(RequestKey))
    }

    async fn known_request(&self, username: &str, key: &str) -> Result<Option<Known>> {
        let row = sqlx::query!(
            "-- idempotency_key.get
             SELECT id, request, answer, held_until FROM idempotency_key WHERE username = $1 AND key = $2",
            username,
            key
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| Known {
            id: row.id,
            request: row.request,
            answer: row.answer,
            held_until: from_sql(row.held_until),
        }))
    }

    /// False: somebody else was faster.
    async fn take_request(&self, id: i64, held_until: Timestamp, now: Timestamp) -> Result<bool> {
        let done = sqlx::query!(
            "-- idempotency_key.take
             UPDATE idempotency_key SET held_until = $3 WHERE id = $1 AND held_until = $2 AND answer IS NULL",
            id,
            to_sql(held_until),
            to_sql(now + HELD)
        )
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn unreadable(source: crate::KeyError) -> Error {
    Error::Key { what: "the Idempotency-Key's request".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{HELD, KEPT, RequestState};
    use crate::account::Account;
    use crate::testing::{TestDatabase, tester};

    const NOW: Timestamp = Timestamp::constant(1_000_000, 0);

    async fn with_ada() -> TestDatabase {
        let database = TestDatabase::create().await;
        let account = Account { username: "ada".to_owned(), password_hash: String::new(), role: "user".to_owned() };
        assert!(database.store().create_account(&account, &tester()).await.unwrap());
        database
    }

    #[tokio::test]
    async fn a_key_stands_for_one_request_and_its_answer_for_a_day() {
        let database = with_ada().await;
        let store = database.store();
        let begin = async |request: &str, now| store.begin_request("ada", "k", request, now).await.unwrap();
        let RequestState::New(key) = begin("a", NOW).await else { panic!("it is new") };
        assert_eq!(begin("a", NOW).await, RequestState::UnderWay);
        assert_eq!(begin("b", NOW).await, RequestState::Another);
        store.finish_request(key, "done", NOW).await.unwrap();
        assert_eq!(begin("a", NOW + HELD).await, RequestState::Answered("done".to_owned()));
        assert_eq!(begin("b", NOW + HELD).await, RequestState::Another);
        let stored = "SELECT count(*) FROM idempotency_key WHERE request LIKE 'gAAAAA%' AND answer LIKE 'gAAAAA%'";
        assert_eq!(database.number(stored).await, 1, "an answer may hold secrets");
        assert!(matches!(begin("b", NOW + KEPT).await, RequestState::New(other) if other != key));
    }

    #[tokio::test]
    async fn who_died_or_failed_is_followed_by_one_who_has_the_same_number() {
        let database = with_ada().await;
        let store = database.store();
        let begin = async |now| store.begin_request("ada", "k", "a", now).await.unwrap();
        let RequestState::New(key) = begin(NOW).await else { panic!("it is new") };
        assert_eq!(begin(NOW + HELD).await, RequestState::Again(key));
        assert_eq!(begin(NOW + HELD).await, RequestState::UnderWay, "only one of them");
        store.release_request(key, NOW).await.unwrap();
        assert_eq!(begin(NOW).await, RequestState::Again(key));
    }
}

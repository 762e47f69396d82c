//! Live pages: what may have changed, as server-sent events.
//!
//! 1. The hub listens to the database's hints once for all pages, and finds out which DAG a run is of.
//! 2. A page subscribes to what it shows: `/events`, `/events?dag=ID`, `/events?dag=ID&tasks=true`, `/events?run=KEY`,
//!    `/events?tasks=true`.
//!    Other hints never reach it. What happened while the page was on its way to the reader, it is told at once.
//! 3. It is told at once, and then once per interval at most, however much happens; then it fetches itself.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use model::ids::DagRunKey;
use serde::Deserialize;
use store::Store;
use store::hint::Hint;
use store::read::pages::PagesError;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Pages;
use crate::serve::Live;

/// A page that shows task instances is told at most so often; people do not see more.
const OFTEN: Duration = Duration::from_millis(300);
/// A page that lists DAGs or runs: in a busy deployment something of it changes all the time.
const SELDOM: Duration = Duration::from_secs(1);
/// How long to wait before the database is asked again for its notifications.
const RECONNECT: Duration = Duration::from_secs(1);
/// Hints that a slow page may be behind; beyond it looks at everything.
const BACKLOG: usize = 256;
/// Runs whose DAG is remembered.
const REMEMBERED: usize = 10_000;

/// What changed, as pages see it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    Anything,
    Dag(Arc<str>),
    DagRun { key: DagRunKey, dag_id: Option<Arc<str>>, is_state: bool },
}

/// Where hints come in and pages listen.
#[derive(Debug, Clone)]
pub struct Hub {
    news: broadcast::Sender<News>,
    /// How much news there was.
    count: Arc<AtomicU64>,
    /// Ends the streams of open pages, so that the server can stop.
    stop: CancellationToken,
}

impl Default for Hub {
    fn default() -> Self {
        Self { news: broadcast::Sender::new(BACKLOG), count: Arc::default(), stop: CancellationToken::new() }
    }
}

impl Hub {
    /// What is told of one run from now on, by its row.
    pub(crate) fn of_run(&self, key: DagRunKey) -> RunNews {
        RunNews { news: self.news.subscribe(), key }
    }

    /// How much news there was so far. A page asks before it reads anything and says it when it subscribes (`since`):
    /// what happened while it was on its way to the reader is told at once.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Passes on the database's notifications until `stop`. A lost connection is a hint too: something may have
    /// been missed.
    pub async fn follow(&self, store: &Store, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.follow_for_ever(store)).await;
        self.stop.cancel();
    }

    /// A loss is told once, so that pages say that they are not fresh, and again when it is over.
    async fn follow_for_ever(&self, store: &Store) {
        let mut is_lost = false;
        loop {
            if let Err(problem) = self.follow_connection(store, &mut is_lost).await
                && !std::mem::replace(&mut is_lost, true)
            {
                tracing::warn!(error = %problem, "live pages wait: the database's notifications cannot be heard");
                self.tell_anything();
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    fn tell_anything(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.tell(News::Anything);
    }

    async fn follow_connection(&self, store: &Store, is_lost: &mut bool) -> Result<(), PagesError> {
        let mut hints = store.pages_hints().await?;
        if std::mem::take(is_lost) {
            tracing::info!("live pages go on: the database's notifications are heard again");
        }
        self.tell_anything();
        let mut dags = HashMap::new();
        loop {
            let hints = hints.next().await?;
            self.count.fetch_add(1, Ordering::AcqRel);
            if self.news.receiver_count() == 0 {
                continue;
            }
            learn(store, &mut dags, &hints).await?;
            for hint in hints {
                self.tell(match hint {
                    Hint::Anything => News::Anything,
                    Hint::Dag(dag_id) => News::Dag(dag_id.into()),
                    Hint::DagRun { key, is_state } => {
                        News::DagRun { key, dag_id: dags.get(&key).map(Arc::clone), is_state }
                    }
                });
            }
        }
    }

    /// Nobody listening is fine.
    fn tell(&self, news: News) {
        let _ = self.news.send(news);
    }
}

/// What is told of one run.
#[derive(Debug)]
pub(crate) struct RunNews {
    news: Receiver<News>,
    key: DagRunKey,
}

impl RunNews {
    /// Waits until the run's own state may have changed; for ever when the server stops.
    pub(crate) async fn state(&mut self) {
        loop {
            match self.news.recv().await {
                Ok(News::DagRun { key, is_state, .. }) if key != self.key || !is_state => {}
                Ok(News::Dag(_)) => {}
                Ok(News::DagRun { .. } | News::Anything) | Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// Finds out which DAGs the runs are of that were not heard of before.
async fn learn(store: &Store, dags: &mut HashMap<DagRunKey, Arc<str>>, hints: &[Hint]) -> Result<(), PagesError> {
    let unknown: Vec<_> = hints
        .iter()
        .filter_map(|hint| match hint {
            Hint::DagRun { key, .. } if !dags.contains_key(key) => Some(*key),
            _ => None,
        })
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    if dags.len() + unknown.len() > REMEMBERED {
        dags.clear();
    }
    let found = store.pages_dags_of_runs(&unknown).await?;
    dags.extend(found.into_iter().map(|(key, dag_id)| (key, dag_id.into())));
    Ok(())
}

/// What a page shows.
#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    /// A run, by its row.
    run: Option<i64>,
    /// A DAG; with `run`: the run's.
    dag: Option<String>,
    /// Not only of runs: of their task instances too.
    #[serde(default)]
    tasks: bool,
    /// How much news there was when the page was made.
    since: Option<u64>,
}

impl Subject {
    fn concerns(&self, news: &News) -> bool {
        match (news, self.run, &self.dag) {
            (News::Anything, ..) => true,
            (News::DagRun { key, .. }, Some(run), _) => key.0 == run,
            (News::Dag(dag_id), _, Some(dag)) => **dag_id == **dag,
            (News::DagRun { dag_id, is_state, .. }, None, Some(dag)) => {
                (*is_state || self.tasks) && dag_id.as_ref().is_none_or(|dag_id| **dag_id == **dag)
            }
            (News::DagRun { is_state, .. }, None, None) => *is_state || self.tasks,
            (News::Dag(_), run, None) => run.is_none(),
        }
    }

    const fn interval(&self) -> Duration {
        if self.run.is_some() || (self.tasks && self.dag.is_some()) { OFTEN } else { SELDOM }
    }
}

/// Waits for news of a subject, from `not_before` on; takes all that is there. None when the server stops.
async fn next(subject: &Subject, news: &mut Receiver<News>, not_before: Instant) -> Option<()> {
    loop {
        match news.recv().await {
            Ok(heard) if !subject.concerns(&heard) => {}
            Ok(_) | Err(RecvError::Lagged(_)) => break,
            Err(RecvError::Closed) => return None,
        }
    }
    tokio::time::sleep_until(not_before).await;
    // What came in meanwhile is told with this event.
    while !matches!(news.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
    Some(())
}

/// The stream of one page; ends with the connection or the server.
pub(super) async fn stream(
    State(pages): State<Pages>,
    Query(subject): Query<Subject>,
) -> (Live, Sse<impl Stream<Item = Result<Event, Infallible>>>) {
    let news = pages.hub.news.subscribe();
    let is_late = subject.since.is_some_and(|since| since != pages.hub.count());
    let start = (news, pages.hub.stop.clone(), subject, Instant::now(), is_late);
    let events = futures::stream::unfold(start, |(mut news, stop, subject, not_before, is_late)| async move {
        if !is_late {
            stop.run_until_cancelled(next(&subject, &mut news, not_before)).await??;
        }
        let not_before = Instant::now() + subject.interval();
        // An event without data is not dispatched by browsers.
        let event = Event::default().event("progress").retry(RECONNECT).data("changed");
        Some((Ok(event), (news, stop, subject, not_before, false)))
    });
    (Live, Sse::new(events).keep_alive(KeepAlive::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(run: Option<i64>, dag: Option<&str>, tasks: bool) -> Subject {
        Subject { run, dag: dag.map(str::to_owned), tasks, since: None }
    }

    fn run(key: i64, dag_id: &str, is_state: bool) -> News {
        News::DagRun { key: DagRunKey(key), dag_id: Some(dag_id.into()), is_state }
    }

    #[test]
    fn pages_hear_of_what_they_show_and_of_nothing_else() {
        let (list, dag) = (subject(None, None, false), subject(None, Some("a"), false));
        let (grid, one) = (subject(None, Some("a"), true), subject(Some(1), Some("a"), false));
        let pools = subject(None, None, true);
        assert!(pools.concerns(&run(3, "b", false)) && pools.interval() == SELDOM && grid.interval() == OFTEN);
        let heard = |news: News| [&list, &dag, &grid, &one].map(|subject| subject.concerns(&news));
        assert_eq!(heard(News::Anything), [true, true, true, true]);
        assert_eq!(heard(run(1, "a", true)), [true, true, true, true]);
        assert_eq!(heard(run(1, "a", false)), [false, false, true, true]);
        assert_eq!(heard(run(2, "a", true)), [true, true, true, false]);
        assert_eq!(heard(run(3, "b", true)), [true, false, false, false]);
        assert_eq!(heard(News::Dag("a".into())), [true, true, true, true]);
        assert_eq!(heard(News::Dag("b".into())), [true, false, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_told_once_at_once_and_once_afterwards() {
        let hub = Hub::default();
        let (mut news, page) = (hub.news.subscribe(), subject(None, None, false));
        for _ in 0..BACKLOG * 2 {
            hub.tell(News::Anything);
        }
        let start = Instant::now();
        assert_eq!(next(&page, &mut news, start).await, Some(()));
        hub.tell(News::Anything);
        hub.tell(run(1, "a", true));
        assert_eq!(next(&page, &mut news, start + SELDOM).await, Some(()));
        assert!(start.elapsed() >= SELDOM);
        let silence = tokio::time::timeout(SELDOM, next(&page, &mut news, start)).await;
        assert!(silence.is_err(), "nothing is left to tell");
    }
}

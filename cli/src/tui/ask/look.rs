//! Requests that change nothing.

use api::{Dag, DagCollection, DagDetails, DagRunCollection, DagRunWaiting, ImportErrorCollection};

use super::{Answer, Log, NEWEST, Name, RECENT, Runs};
use crate::client::{Client, Error, Query};
use crate::commands::dags::details;
use crate::commands::runs::{Attempt, Shown, has_ended, tree};
use crate::commands::tasks;

const NEWEST_FIRST: (&str, &str) = ("order_by", "-id");

fn newest_first() -> [(&'static str, String); 1] {
    [(NEWEST_FIRST.0, NEWEST_FIRST.1.to_owned())]
}

pub(super) async fn dags(client: &Client) -> Result<Answer, Error> {
    let by_id: &Query<'_> = &[("order_by", "dag_id".to_owned())];
    let dags = client.all::<DagCollection>(&["dags"], by_id).await?;
    let refused_files = match client.list::<ImportErrorCollection>(&["importErrors"], &[], 1, 0).await {
        Ok((_, total)) => total,
        // Who may see DAGs need not be allowed to see files.
        Err(Error::Forbidden) => 0,
        Err(error) => return Err(error),
    };
    Ok(Answer::Dags { dags, refused_files })
}

pub(super) async fn newest(client: &Client) -> Result<Answer, Error> {
    // `~` is the API's word for all DAGs.
    let path = ["dags", "~", "dagRuns"];
    let (runs, total) = client.list::<DagRunCollection>(&path, &newest_first(), NEWEST, 0).await?;
    let is_all = total <= runs.len() as u64;
    Ok(Answer::Newest { runs, is_all })
}

pub(super) async fn recent(client: &Client, dag_id: String) -> Result<Answer, Error> {
    let path = ["dags", &dag_id, "dagRuns"];
    let (runs, _) = client.list::<DagRunCollection>(&path, &newest_first(), RECENT as u64, 0).await?;
    Ok(Answer::Recent { dag_id, runs })
}

pub(super) async fn runs(client: &Client, dag_id: &str, limit: u64, waiting: Option<String>) -> Result<Answer, Error> {
    let (path, of_runs) = (["dags", dag_id], ["dags", dag_id, "dagRuns"]);
    let newest_first = newest_first();
    let (dag, (runs, total)) = tokio::try_join!(
        client.get::<Dag>(&path, &[]),
        client.list::<DagRunCollection>(&of_runs, &newest_first, limit, 0)
    )?;
    let mut reason = None;
    if let Some(run_id) = waiting.filter(|run_id| is_queued(&runs, run_id)) {
        let found: DagRunWaiting = client.get_own(&["dags", dag_id, "dagRuns", &run_id, "waiting"], &[]).await?;
        reason = found.reason.map(|reason| (run_id, reason));
    }
    Ok(Answer::Runs(Box::new(Runs { dag, runs, total, waiting: reason })))
}

fn is_queued(runs: &[api::DagRun], run_id: &str) -> bool {
    runs.iter().any(|run| run.dag_run_id == run_id && run.state == "queued")
}

pub(super) async fn run(client: &Client, dag_id: &str, run_id: &str) -> Result<Answer, Error> {
    let run = client.get(&["dags", dag_id, "dagRuns", run_id], &[]).await?;
    Ok(Answer::Run(Box::new(Shown::load(client, run).await?)))
}

pub(super) async fn log(
    client: &Client,
    name: &Name,
    chosen: Option<u32>,
    attempt: Option<Attempt>,
) -> Result<Answer, Error> {
    let Name { dag_id, run_id, task_id, map_index } = name;
    // The state first: what is added after it was read is seen the next time.
    let instance = tasks::get(client, dag_id, run_id, task_id, *map_index).await?;
    let mut why = String::new();
    if !matches!(instance.state.as_deref(), Some("running" | "success")) {
        let waiting = client.get_own(&["dags", dag_id, "dagRuns", run_id, "waiting"], &[]).await?;
        tree::why(&waiting, &instance).clone_into(&mut why);
    }
    let mut log = Log { instance, why, attempt: None, added: Vec::new() };
    let number = chosen.unwrap_or(log.instance.try_number);
    if number == 0 {
        return Ok(Answer::Log(Box::new(log)));
    }
    let mut attempt = attempt.filter(|known| known.try_number == number).unwrap_or(Attempt::new(number));
    if !attempt.is_over {
        match attempt.part(client, &log.instance).await {
            Ok(added) => log.added = added,
            // What has ended without a log never has one: it needed no process, or was lost before it began.
            Err(Error::NotFound { .. }) => {
                attempt.is_over = number < log.instance.try_number || has_ended(&log.instance);
            }
            Err(error) => return Err(error),
        }
    }
    log.attempt = Some(attempt);
    Ok(Answer::Log(Box::new(log)))
}

pub(super) async fn params(client: &Client, dag_id: &str) -> Result<Answer, Error> {
    let found: DagDetails = client.get(&["dags", dag_id, "details"], &[]).await?;
    Ok(Answer::Params(details::params(found.params.as_ref())))
}

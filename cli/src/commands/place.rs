//! What a command is about: a DAG, a run, a task; and what to say when it does not exist.

use api::{Dag, DagCollection, DagRun, DagRunCollection, ImportErrorCollection, TaskInstanceCollection};
use clap::Args;

use crate::client::{Client, Error};
use crate::failure::Failure;

/// How many runs are looked at for one with a similar name.
const RUNS_LOOKED_AT: u64 = 200;

/// The positional argument that names a DAG.
#[derive(Debug, Args)]
pub(crate) struct DagArgument {
    /// The DAG.
    #[arg(value_name = "DAG")]
    pub(crate) dag_id: String,
}

/// The positional arguments that name a run.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The DAG.
    #[arg(value_name = "DAG")]
    pub(crate) dag_id: String,
    /// The run: its id, or `latest` or `-` for the newest run of the DAG.
    #[arg(value_name = "RUN")]
    pub(crate) run_id: String,
}

impl RunArguments {
    /// The id of the run, with `latest` resolved.
    pub(crate) async fn resolve(&self, client: &Client) -> anyhow::Result<String> {
        if !matches!(self.run_id.as_str(), "latest" | "-") {
            return Ok(self.run_id.clone());
        }
        let place = Place::dag(&self.dag_id);
        let path = ["dags", &self.dag_id, "dagRuns"];
        let query = [("order_by", "-id".to_owned())];
        let (runs, _) =
            place.within(client, async { Ok(client.list::<DagRunCollection>(&path, &query, 1, 0).await?) }).await?;
        runs.into_iter().next().map(|run| run.dag_run_id).ok_or_else(|| {
            Failure::not_found(format!("DAG `{}` has no run yet", self.dag_id))
                .hint(format!("`flowctl dags trigger {}` starts one", self.dag_id))
                .into()
        })
    }
}

/// What a command is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    dag_id: &'a str,
    run_id: Option<&'a str>,
    task_id: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// A DAG.
    pub(crate) const fn dag(dag_id: &'a str) -> Self {
        Self { dag_id, run_id: None, task_id: None }
    }

    /// A run.
    pub(crate) const fn run(dag_id: &'a str, run_id: &'a str) -> Self {
        Self { dag_id, run_id: Some(run_id), task_id: None }
    }

    /// A task in a run.
    pub(crate) const fn task(dag_id: &'a str, run_id: &'a str, task_id: &'a str) -> Self {
        Self { dag_id, run_id: Some(run_id), task_id: Some(task_id) }
    }

    /// Does something about it; when the server does not know it, the failure says what is missing and what was
    /// perhaps meant.
    pub(crate) async fn within<T>(
        self,
        client: &Client,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let error = match work.await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if !matches!(error.downcast_ref(), Some(Error::NotFound { .. })) {
            return Err(error);
        }
        Err(self.missing(client).await?.map_or(error, Into::into))
    }

    /// The first of DAG, run and task that does not exist.
    async fn missing(self, client: &Client) -> Result<Option<Failure>, Error> {
        let Self { dag_id, run_id, task_id } = self;
        if !exists::<Dag>(client, &["dags", dag_id]).await? {
            return Ok(Some(no_dag(client, dag_id).await?));
        }
        let Some(run_id) = run_id else { return Ok(None) };
        if !exists::<DagRun>(client, &["dags", dag_id, "dagRuns", run_id]).await? {
            return Ok(Some(no_run(client, dag_id, run_id).await?));
        }
        let Some(task_id) = task_id else { return Ok(None) };
        let path = ["dags", dag_id, "dagRuns", run_id, "taskInstances"];
        let instances = client.all::<TaskInstanceCollection>(&path, &[]).await?;
        let ids: Vec<_> = instances.iter().map(|instance| instance.task_id.as_str()).collect();
        let is_known = ids.contains(&task_id);
        Ok((!is_known).then(|| {
            let meant = did_you_mean(task_id, ids.iter().copied());
            let all = format!("`flowctl tasks states-for-run {dag_id} {run_id}` shows {}", ids.len());
            Failure::not_found(format!("no task `{task_id}` in run `{run_id}` of DAG `{dag_id}`; {meant}{all}"))
        }))
    }
}

async fn exists<T: serde::de::DeserializeOwned>(client: &Client, path: &[&str]) -> Result<bool, Error> {
    match client.get::<T>(path, &[]).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn no_dag(client: &Client, dag_id: &str) -> Result<Failure, Error> {
    let dags = client.all::<DagCollection>(&["dags"], &[]).await?;
    let meant = did_you_mean(dag_id, dags.iter().map(|dag| dag.dag_id.as_str()));
    let failure = Failure::not_found(format!("no DAG `{dag_id}`; {meant}`flowctl dags list` shows {}", dags.len()));
    let (_, refused) = client.list::<ImportErrorCollection>(&["importErrors"], &[], 1, 0).await?;
    Ok(match refused {
        0 => failure,
        1 => failure.hint("one file was refused: `flowctl import-errors list` says why"),
        refused => failure.hint(format!("{refused} files were refused: `flowctl import-errors list` says why")),
    })
}

async fn no_run(client: &Client, dag_id: &str, run_id: &str) -> Result<Failure, Error> {
    let path = ["dags", dag_id, "dagRuns"];
    let query = [("order_by", "-id".to_owned())];
    let (runs, total) = client.list::<DagRunCollection>(&path, &query, RUNS_LOOKED_AT, 0).await?;
    let meant = did_you_mean(run_id, runs.iter().map(|run| run.dag_run_id.as_str()));
    let all = format!("`flowctl runs list {dag_id}` shows {total}");
    Ok(Failure::not_found(format!("no run `{run_id}` of DAG `{dag_id}`; {meant}{all}")))
}

/// "did you mean …? ", when something near is known.
fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|name| (strsim::damerau_levenshtein(word, name), name)).min();
    match nearest {
        // A third of the word may be wrong: beyond that a guess is noise.
        Some((distance, name)) if distance <= (word.chars().count() / 3).max(1) => format!("did you mean `{name}`? "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn the_nearest_name_is_offered_and_nothing_far_off() {
        let known = ["etl_daily", "etl_weekly", "simple"];
        assert_eq!(did_you_mean("etl_daly", known.into_iter()), "did you mean `etl_daily`? ");
        assert_eq!(did_you_mean("report", known.into_iter()), "");
        assert_eq!(did_you_mean("a", std::iter::empty()), "");
    }
}

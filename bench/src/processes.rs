//! Real processes through the scheduler's service and the local executor, beside `xargs -P2`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use model::limits::Limits;
use scheduler::notifier::NotificationSettings;
use scheduler::service::{SchedulerConfig, run as serve};
use store::Store;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::WorkerConfig;

use crate::database::Database;
use crate::statistics::{latencies, rates};
use crate::{Row, dags, row};

const ROUNDS: usize = 5;
const WIDTH: u32 = 2000;
const CHAIN: u32 = 300;
/// The rows.
pub(crate) async fn run() -> Result<Vec<Row>> {
    let database = Database::start().await?;
    let store = database.store.clone();
    let folder = database.home.path().join("dags");
    std::fs::create_dir_all(&folder)?;
    let fileloc = folder.join("bench.yaml").display().to_string();
    dags::save(&store, &dags::fan_out("fan", WIDTH, &dags::bash("true")), &fileloc).await?;
    dags::save(&store, &dags::chain("chain", CHAIN, &dags::bash("true")), &fileloc).await?;
    let stop = CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
    let config = SchedulerConfig {
        id: Uuid::new_v4(),
        hostname: "bench".to_owned(),
        home: database.home.path().to_owned(),
        dags_folder: folder,
        default_timezone: "UTC".to_owned(),
        dags_are_paused_at_creation: false,
        limits: Limits::default(),
        worker: WorkerConfig {
            run_folder: worker::run_folder(database.home.path()),
            ..WorkerConfig::new(database.home.path())
        },
        notifications: NotificationSettings::default(),
        places: secrets::Places::default(),
        with_dag_processor: false,
    };
    let serving = tokio::spawn(serve(store.clone(), config, stop.clone()));
    let (mut ours, mut direct, mut shell) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let started = Instant::now();
        let run = dags::trigger(&store, "fan", &format!("run-{round}")).await?;
        wait(&store, run).await?;
        ours.push(f64::from(WIDTH + 2) / started.elapsed().as_secs_f64());
        direct.push(f64::from(WIDTH) / xargs(&["true"])?.as_secs_f64());
        shell.push(f64::from(WIDTH) / xargs(&["bash", "-c", "true"])?.as_secs_f64());
    }
    let ratio = median(&ours) / median(&direct);
    let of_shell = median(&ours) / median(&shell);
    let run = dags::trigger(&store, "chain", "run").await?;
    wait(&store, run).await?;
    let hops = hops(&store, run).await?;
    stop.cancel();
    serving.await??;
    database.stop().await?;
    Ok(vec![
        row(
            format!("fan-out of {WIDTH} × `bash: true`"),
            rates(ours),
            format!("`xargs -P2 true` {}, `xargs -P2 bash -c true` {}", rates(direct), rates(shell)),
        ),
        row("the same as a ratio", format!("{ratio:.2} × xargs true, {of_shell:.2} × xargs bash"), "goal 1.0"),
        row(format!("chain of {CHAIN} × `bash: true`, a hop p50 / p99"), latencies(hops), "goal 2 ms"),
    ])
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

async fn wait(store: &Store, run: i64) -> Result<()> {
    loop {
        let state: String = sqlx::query_scalar("SELECT state::text FROM dag_run WHERE id = $1")
            .bind(run)
            .fetch_one(store.pool())
            .await?;
        match state.as_str() {
            "success" => return Ok(()),
            "failed" => bail!("a measured run failed"),
            _ => tokio::time::sleep(Duration::from_millis(3)).await,
        }
    }
}

/// From the end of each task to the end of the next.
async fn hops(store: &Store, run: i64) -> Result<Vec<Duration>> {
    let micros: Vec<i64> = sqlx::query_scalar(
        "SELECT (extract(epoch FROM ended_at - lag(ended_at) OVER (ORDER BY task_index)) * 1000000)::bigint
         FROM task_instance WHERE dag_run_id = $1 ORDER BY task_index OFFSET 1",
    )
    .bind(run)
    .fetch_all(store.pool())
    .await?;
    micros
        .into_iter()
        .map(|micros| u64::try_from(micros).map(Duration::from_micros).context("a hop back in time"))
        .collect()
}

fn xargs(command: &[&str]) -> Result<Duration> {
    let started = Instant::now();
    let script = format!("seq {WIDTH} | xargs -P2 -n1 \"$@\"");
    Command::new("sh").args(["-c", &script, "sh"]).args(command).stdout(Stdio::null()).status()?;
    Ok(started.elapsed())
}

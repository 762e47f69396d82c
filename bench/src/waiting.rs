//! What ten thousand sensors cost that wait for files that do not come.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};
use api::TaskInstanceCollection;
use reqwest::Client;

use crate::http::{Flowctl, log_in};
use crate::idle::{cpu, cpu_of_family, postmaster, resident_megabytes};
use crate::{Row, row};

const DAGS: usize = 10;
const SENSORS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(300);
/// Long enough that each sensor has looked twice, at its 30 s.
const WATCH: Duration = Duration::from_secs(60);

/// The rows.
pub(crate) async fn run() -> Result<Vec<Row>> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let flowctl = Flowctl::start()?;
    let before = resident_megabytes(flowctl.pid())?;
    for number in 0..DAGS {
        let mut text = "schedule: '@yearly'\nstart_date: 2020-01-01\ntasks:\n".to_owned();
        for sensor in 0..SENSORS {
            writeln!(text, "- {{id: s{sensor}, sensor: {{file: '/nowhere/{number}/{sensor}/{{{{ ds }}}}.csv'}}}}")?;
        }
        std::fs::write(flowctl.dags().join(format!("dag_{number}.yaml")), text)?;
    }
    let client = Client::new();
    let token = log_in(&client, &flowctl).await?;
    let url = format!("{}/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=1", flowctl.url);
    let started = std::time::Instant::now();
    loop {
        let found: TaskInstanceCollection = client.get(&url).bearer_auth(&token).send().await?.json().await?;
        if found.total_entries == (DAGS * SENSORS) as u64 {
            break;
        }
        if started.elapsed() > PATIENCE {
            bail!("only {} sensors wait after {PATIENCE:?}", found.total_entries);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = started.elapsed();
    // What the first looks and the web server's answers left behind is over by then.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let postmaster = postmaster(&flowctl)?;
    let at_first = (cpu(flowctl.pid())?, cpu_of_family(postmaster)?);
    tokio::time::sleep(WATCH).await;
    let at_last = (cpu(flowctl.pid())?, cpu_of_family(postmaster)?);
    let memory = resident_megabytes(flowctl.pid())?;
    drop(flowctl.stop()?);
    let share = |busy: Duration| format!("{:.2} %", busy.as_secs_f64() / WATCH.as_secs_f64() * 100.0);
    let count = DAGS * SENSORS;
    Ok(vec![
        row(format!("{count} file sensors: dropped as files → all wait"), format!("{:.1} s", took.as_secs_f64()), ""),
        row(
            format!("{count} sensors that look every 30 s, of one core"),
            share(at_last.0.saturating_sub(at_first.0)),
            "goal 2 %",
        ),
        row("their PostgreSQL meanwhile", share(at_last.1.saturating_sub(at_first.1)), ""),
        row("memory of flowctl with them", format!("{memory} MB"), format!("goal 100 MB; {before} MB before")),
    ])
}

//! What the real program costs while nothing happens.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::http::Flowctl;
use crate::{Row, row};

const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(30);
const DAGS: usize = 100;

/// The rows.
pub(crate) async fn run() -> Result<Vec<Row>> {
    let flowctl = Flowctl::start()?;
    for number in 0..DAGS {
        let text = "schedule: '@yearly'\nstart_date: 2026-01-01\nis_paused_upon_creation: true\ntasks: [{id: t, bash: 'true'}]\n";
        std::fs::write(flowctl.dags().join(format!("dag_{number}.yaml")), text)?;
    }
    tokio::time::sleep(SETTLE).await;
    let postmaster = postmaster(&flowctl)?;
    let before = (cpu(flowctl.pid())?, cpu_of_family(postmaster)?);
    tokio::time::sleep(WATCH).await;
    let after = (cpu(flowctl.pid())?, cpu_of_family(postmaster)?);
    let share = |busy: Duration| format!("{:.2} %", busy.as_secs_f64() / WATCH.as_secs_f64() * 100.0);
    let memory = resident_megabytes(flowctl.pid())?;
    drop(flowctl.stop()?);
    Ok(vec![
        row(format!("idle with {DAGS} DAGs, of one core"), share(after.0.saturating_sub(before.0)), "goal 0.5 %"),
        row("its PostgreSQL meanwhile", share(after.1.saturating_sub(before.1)), ""),
        row("memory of flowctl", format!("{memory} MB"), ""),
    ])
}

/// Process id of its PostgreSQL.
pub(crate) fn postmaster(flowctl: &Flowctl) -> Result<u32> {
    let text = std::fs::read_to_string(flowctl.home().join("postgres/data/postmaster.pid"))?;
    Ok(text.lines().next().context("a process id")?.trim().parse()?)
}

/// User and system time of a process (`proc_pid_stat(5)`, fields 14 and 15, in ticks of which Linux has 100 a second).
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a line of /proc/PID/stat")?;
    let field = |number: usize| fields.split_whitespace().nth(number - 3).and_then(|text| text.parse::<u64>().ok());
    field(14)
        .zip(field(15))
        .map(|(user, system)| Duration::from_millis(10 * (user + system)))
        .context("times in /proc/PID/stat")
}

/// Of a process and its children.
pub(crate) fn cpu_of_family(pid: u32) -> Result<Duration> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let of_children: Duration = children.split_whitespace().filter_map(|child| cpu(child.parse().ok()?).ok()).sum();
    Ok(cpu(pid)? + of_children)
}

pub(crate) fn resident_megabytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024)
}

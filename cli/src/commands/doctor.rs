//! `flowctl doctor`: what is wrong with a deployment, and what to do.

use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;
use jiff::SignedDuration;
use nix::sys::statvfs::statvfs;
use scheduler::processor::read_folder;
use serde::Serialize;
use store::Store;

use crate::config::{self, Settings};
use crate::globals::Globals;
use crate::output::{Cell, Column};
use crate::services::{self, Access};

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Leaves out the rules that read all of the history, which take minutes on a large one.
    #[arg(long)]
    quick: bool,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    problem: String,
    /// What to do.
    advice: String,
}

const COLUMNS: [Column<Finding>; 3] = [
    Column { title: "check", cell: |finding| Cell::from(finding.check) },
    Column { title: "problem", cell: |finding| Cell::from(finding.problem.as_str()) },
    Column { title: "what to do", cell: |finding| Cell::from(finding.advice.as_str()) },
];

/// A scheduler that is alive says so every 5 s.
const FRESH: SignedDuration = SignedDuration::from_secs(30);
/// A lease holds for 3 s; one that holds for longer than this was taken by another clock.
const LONGEST_LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Below this, logs and the database are about to fail.
const LITTLE_SPACE: u64 = 1 << 30;

/// Looks at everything. Exit code 1 if anything is wrong.
pub(super) async fn run(globals: &Globals, arguments: &Doctor) -> anyhow::Result<ExitCode> {
    let resolved = config::resolve(globals, &[])?;
    let settings = &resolved.settings;
    let mut findings: Vec<Finding> = resolved
        .problems
        .iter()
        .map(|problem| found("configuration", problem.to_string(), "correct it; `flowctl config list` shows every key"))
        .collect();
    findings.extend(home(settings));
    findings.extend(dags_folder(settings));
    findings.extend(python());
    findings.extend(database(settings, arguments.quick).await?);
    globals.output().list(&findings, &COLUMNS, u64::try_from(findings.len()).unwrap_or(u64::MAX))?;
    if findings.is_empty() {
        anstream::eprintln!("nothing is wrong");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn found(check: &'static str, problem: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { check, problem: problem.into(), advice: advice.into() }
}

fn home(settings: &Settings) -> Vec<Finding> {
    let home = &settings.home;
    if !home.is_dir() {
        let advice = "it is made at the first start; with FLOWCTL_HOME or --home another one is used";
        return vec![found("home", format!("{} is not there", home.display()), advice)];
    }
    let mut findings = Vec::new();
    if let Err(error) = services::prepare_home(home) {
        findings.push(found("home", error.to_string(), "make it writable for the user that flowctl runs as"));
    }
    findings.extend(space(home));
    findings
}

fn space(home: &Path) -> Option<Finding> {
    let stat = statvfs(home).ok()?;
    // Their types differ from system to system.
    #[allow(clippy::useless_conversion, reason = "the types differ from system to system")]
    let (free, size) = (u64::from(stat.blocks_available()), u64::from(stat.fragment_size()));
    let free = free.saturating_mul(size);
    (free < LITTLE_SPACE).then(|| {
        let problem = format!("{} MB are free where {} is", free / 1_000_000, home.display());
        found("disk", problem, "make room: `flowctl db clean --before T` deletes old runs and their logs")
    })
}

fn dags_folder(settings: &Settings) -> Vec<Finding> {
    let folder = &settings.dags_folder;
    if let Err(error) = services::require_folder(folder) {
        let advice = "create it, or name another with FLOWCTL_DAGS_FOLDER or core.dags_folder";
        return vec![found("DAG folder", error.to_string(), advice)];
    }
    let Ok(files) = read_folder(folder, &settings.dag_defaults()) else { return Vec::new() };
    let refused = files.iter().filter(|file| file.result.is_err()).count();
    if refused == 0 {
        return Vec::new();
    }
    let problem = format!("{refused} of {} DAG files are refused", files.len());
    vec![found("DAG folder", problem, "`flowctl validate` shows what is wrong with them")]
}

fn python() -> Option<Finding> {
    let output = Command::new("python3").arg("--version").output();
    let is_there = output.is_ok_and(|output| output.status.success());
    let advice = "install it, or name another interpreter in `python: {interpreter: …}`; DAGs without Python tasks do not need it";
    (!is_there).then(|| found("python", "python3 cannot be run: tasks with `python` will fail", advice))
}

async fn database(settings: &Settings, quick: bool) -> anyhow::Result<Vec<Finding>> {
    let access = match services::access(settings).await {
        Ok(access) => access,
        Err(error) => {
            let advice = "is PostgreSQL running, and is FLOWCTL_DATABASE_URL (database.url) right?";
            return Ok(vec![found("database", format!("{error:#}"), advice)]);
        }
    };
    let result = look(&access, quick).await;
    access.close().await?;
    result
}

async fn look(access: &Access, quick: bool) -> anyhow::Result<Vec<Finding>> {
    if let Err(error) = services::require_migrated(&access.store).await {
        return Ok(vec![found(
            "schema",
            error.to_string(),
            "`flowctl db migrate`, with the flowctl that the services run",
        )]);
    }
    let mut findings = Vec::new();
    if !quick {
        for violation in access.store.violations().await? {
            let problem = format!("{} ({}, for instance {})", violation.rule, violation.count, violation.example);
            findings.push(found(
                "invariant",
                problem,
                "this is a bug: please report it; clearing the run puts it right",
            ));
        }
    }
    if access.is_running_elsewhere() {
        findings.extend(services_alive(&access.store).await?);
    } else {
        anstream::eprintln!("`flowctl standalone` does not run with this home; its database was started to look at it");
    }
    Ok(findings)
}

async fn services_alive(store: &Store) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let services = store.services().await?;
    let newest = services.iter().find(|service| service.kind == "scheduler");
    match newest {
        None => findings.push(found(
            "scheduler",
            "no scheduler runs",
            "start `flowctl scheduler` (or `flowctl standalone`)",
        )),
        Some(newest) if newest.silent_for > FRESH => {
            let problem = format!(
                "the newest scheduler ({}, process {}) was last alive at {}",
                newest.hostname, newest.pid, newest.heartbeat_at
            );
            findings.push(found("scheduler", problem, "it died or hangs: look at its log, and start another"));
        }
        Some(_) => findings.extend(lease(store).await?),
    }
    Ok(findings)
}

/// While a scheduler is alive somebody leads, and by the database's clock.
async fn lease(store: &Store) -> anyhow::Result<Option<Finding>> {
    let lease = store.lease().await?;
    let owner = lease.owner_name.as_deref().unwrap_or("nobody");
    Ok(match lease.holds_for {
        Some(left) if left > LONGEST_LEASE => {
            let problem = format!("the lease of {owner} holds for {} s more, although leases last 3 s", left.as_secs());
            let advice = "the database's clock was set back: set it right, or wait until the lease has expired";
            Some(found("lease", problem, advice))
        }
        Some(left) if left < -FRESH => {
            let problem =
                format!("the lease of {owner} expired {} s ago, and no scheduler has taken it", -left.as_secs());
            Some(found("lease", problem, "restart the schedulers, and look at their logs"))
        }
        _ => None,
    })
}

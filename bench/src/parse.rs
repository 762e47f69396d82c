//! Reading DAG files: 10,000 of 2.3 KB with 5 to 20 tasks, in memory, checks and templates included.

use std::time::Instant;

use anyhow::{Result, bail};
use model::dag_file::{Defaults, parse};
use rayon::prelude::*;

use crate::{Row, row};

const FILES: u32 = 10_000;

/// An ordinary file: `tasks` tasks of three kinds in a row.
fn file(number: u32) -> String {
    let mut text = format!(
        "dag_id: pipeline_{number}\ndescription: Features of market {number}\nowner: ml\ntags: [recsys, features]\n\
         schedule: \"{} 6 * * *\"\nstart_date: 2026-01-01\ncatchup: false\nmax_active_runs: 4\n\
         default_args:\n  retries: 2\n  retry_delay: 5m\nparams:\n  top_k: {{type: integer, default: 10, minimum: 1}}\ntasks:\n",
        number % 60
    );
    let mut previous: Option<String> = None;
    for task in 0..5 + number % 16 {
        let id = format!("step_{task}");
        let depends_on = previous.map(|previous| format!("    depends_on: {previous}\n")).unwrap_or_default();
        let operator = match task % 3 {
            0 => format!("    bash: ./extract.sh --day \"{{{{ ds }}}}\" --market {number} --out \"/data/raw/{{{{ ds_nodash }}}}/part-{task}\"\n"),
            1 => "    python:\n      callable: pipeline.features\n      kwargs: {day: \"{{ ds }}\", top_k: \"{{ params.top_k }}\"}\n".to_owned(),
            _ => "    empty: {}\n    trigger_rule: none_failed_min_one_success\n".to_owned(),
        };
        text.extend([&format!("  - id: {id}\n"), &operator, &depends_on, "    execution_timeout: 30m\n"]);
        previous = Some(id);
    }
    text
}

/// The rows.
pub(crate) fn run() -> Result<Vec<Row>> {
    let files: Vec<String> = (0..FILES).map(file).collect();
    let bytes: usize = files.iter().map(String::len).sum();
    let defaults = Defaults { timezone: "UTC".to_owned() };
    if let Err(problems) = parse(&files[0], "pipeline", &defaults) {
        bail!("the measured file is refused: {problems:?}");
    }
    let started = Instant::now();
    let good = files.iter().filter(|text| parse(text, "pipeline", &defaults).is_ok()).count();
    let one = started.elapsed();
    let started = Instant::now();
    let also_good = files.par_iter().filter(|text| parse(text, "pipeline", &defaults).is_ok()).count();
    let all = started.elapsed();
    if good != files.len() || also_good != files.len() {
        bail!("{} of the measured files are refused", files.len() - good);
    }
    let average = bytes / files.len();
    Ok(vec![row(
        format!("{FILES} files of {average} B parsed and checked, all cores"),
        format!("{:.2} s ({:.0} µs a file on one core)", all.as_secs_f64(), one.as_secs_f64() * 1e6 / f64::from(FILES)),
        "goal 1 s",
    )])
}

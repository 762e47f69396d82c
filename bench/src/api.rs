//! Lists of the REST API over HTTP, in one process: 10,000 DAGs with ten runs of ten tasks each, so 1,000,000 task
//! instances. Beside each the time of its statements alone, as sqlx reports them, and how many they are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use model::limits::Limits;
use reqwest::Client;
use serde_json::Value;
use store::Store;
use store::testing::statements::Statements;
use tokio_util::sync::CancellationToken;
use webserver::TrustedProxies;
use webserver::doors::{Doors, first_account};
use webserver::layout::Layouts;
use webserver::pages::{Hub, Pages};

use crate::dags::now;
use crate::database::Database;
use crate::statistics::{latencies, millis, percentile};
use crate::{Row, row};

const REQUESTS: usize = 50;
const PASSWORD: &str = "measured";

/// 10,000 DAGs, 100,000 runs, 1,000,000 task instances; two in a hundred runs failed, one in a thousand still runs.
const FILL: [&str; 7] = [
    "INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at, tags)
     SELECT 'dag_' || lpad(n::text, 5, '0'), false, '/dags/' || n || '.yaml', n || '.yaml', 'bench', now(),
            ARRAY['tag_' || n % 10] FROM generate_series(1, 10000) AS n",
    "INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
     SELECT dag_id, 1, '', json_build_object('dag_id', dag_id, 'owner', 'bench', 'schedule', 'none', 'timezone', 'UTC',
                                             'catchup', false, 'tasks', '[]'::json), '', fileloc FROM dag",
    "UPDATE dag d SET current_version_id = v.id FROM dag_version v WHERE v.dag_id = d.dag_id",
    "INSERT INTO task (dag_version_id, task_index, task_id, operator, retries, priority_weight)
     SELECT v.id, n, 'task_' || n, 'bash', 0, 1 FROM dag_version v, generate_series(0, 9) AS n",
    "INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, logical_date, run_after, queued_at, started_at,
                          ended_at, triggered_by)
     SELECT v.dag_id, 'run_' || n, v.id,
            CASE WHEN n = 10 AND v.id % 100 = 0 THEN 'running' WHEN v.id % 50 = n THEN 'failed' ELSE 'success' END::dag_run_state,
            'scheduled', at, at + v.id * interval '1 s', at, at + v.id * interval '1 s', at + v.id * interval '1 s' + interval '5 min',
            'timetable'
     FROM generate_series(1, 10) AS n CROSS JOIN dag_version v
     CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 day' AS at) AS day",
    "INSERT INTO task_instance (dag_run_id, task_index, state, try_number, max_tries, scheduled_at, queued_at, started_at,
                                ended_at)
     SELECT r.id, n, CASE WHEN n = 9 THEN r.state::text ELSE 'success' END::task_instance_state, 1, 1, r.started_at, r.started_at,
            r.started_at + n * interval '1 s', r.started_at + (n + 1) * interval '1 s'
     FROM dag_run r, generate_series(0, 9) AS n",
    "VACUUM ANALYZE",
];

/// What is asked for, and how it is called in the table.
const LISTS: [(&str, &str); 13] = [
    ("dags, 100 of 10,000", "dags?limit=100"),
    ("runs of all DAGs, newest first", "dags/~/dagRuns?limit=100&order_by=-run_after"),
    ("task instances of one run", "dags/dag_00500/dagRuns/run_5/taskInstances?limit=100"),
    ("task instances of all runs", "dags/~/dagRuns/~/taskInstances?limit=100"),
    ("… newest first", "dags/~/dagRuns/~/taskInstances?limit=100&order_by=-id"),
    ("… of one DAG", "dags/dag_00500/dagRuns/~/taskInstances?limit=100"),
    ("… that run", "dags/~/dagRuns/~/taskInstances?limit=100&state=running"),
    ("… that failed", "dags/~/dagRuns/~/taskInstances?limit=100&state=failed"),
    ("… of one operator", "dags/~/dagRuns/~/taskInstances?limit=100&operator=bash"),
    ("… of runs of the last day", "dags/~/dagRuns/~/taskInstances?limit=100&run_after_gte=2026-01-11"),
    ("… last started first", "dags/~/dagRuns/~/taskInstances?limit=100&order_by=-start_date"),
    ("… from the 500,000th on, by offset", "dags/~/dagRuns/~/taskInstances?limit=100&offset=500000"),
    ("… by cursor: each the page after the one before", "dags/~/dagRuns/~/taskInstances?limit=100&cursor="),
];

/// The rows.
pub(crate) async fn run() -> Result<Vec<Row>> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let statements = Statements::default();
    tracing::subscriber::set_global_default(statements.clone()).context("somebody else listens")?;
    let database = Database::start().await?;
    for sql in FILL {
        sqlx::raw_sql(sql).execute(database.store.pool()).await?;
    }
    first_account(&database.store, Some(PASSWORD.to_owned()), now()).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let serving =
        tokio::spawn(webserver::serve(pages(&database.store, database.home.path().to_owned()), listener, stop.clone()));
    let client = Client::new();
    let login = ::api::LoginBody { username: "admin".to_owned(), password: PASSWORD.to_owned() };
    let answer = client.post(format!("{url}/auth/token")).json(&login).send().await?.error_for_status()?;
    let token = answer.json::<::api::AccessToken>().await?.access_token;
    let mut rows = Vec::new();
    for (what, path) in LISTS {
        rows.push(measure(&client, &format!("{url}/api/v2/{path}"), &token, &statements, what).await?);
    }
    stop.cancel();
    serving.await??;
    database.stop().await?;
    Ok(rows)
}

async fn measure(client: &Client, url: &str, token: &str, statements: &Statements, what: &str) -> Result<Row> {
    let (mut answered, mut in_sql, mut counts) = (Vec::new(), Vec::<Duration>::new(), Vec::new());
    let mut cursor = String::new();
    statements.take();
    for _ in 0..=REQUESTS {
        let watch = Instant::now();
        let body: Value =
            client.get(format!("{url}{cursor}")).bearer_auth(token).send().await?.error_for_status()?.json().await?;
        answered.push(watch.elapsed());
        // Without those that look who asks.
        let of_list: Vec<_> = statements.take().into_iter().filter(|sent| sent.name.starts_with("api.")).collect();
        counts.push(of_list.len());
        in_sql.push(of_list.iter().map(|sent| sent.took).sum());
        if url.ends_with("cursor=") {
            body["next_cursor"].as_str().unwrap_or_default().clone_into(&mut cursor);
        }
    }
    // The first fills caches.
    answered.remove(0);
    in_sql.remove(0);
    in_sql.sort();
    let most = counts.into_iter().max().unwrap_or_default();
    let beside =
        format!("{most} statements, alone {} / {}", millis(percentile(&in_sql, 50)), millis(percentile(&in_sql, 99)));
    Ok(row(format!("{what}, p50 / p99"), latencies(answered), beside))
}

fn pages(store: &Store, home: PathBuf) -> Pages {
    let clock: fn() -> Timestamp = now;
    Pages {
        doors: Doors::new(store.clone(), clock),
        store: store.clone(),
        home,
        dags_folder: String::new(),
        version: "measured".to_owned(),
        limits: Limits::default(),
        clock,
        hub: Hub::default(),
        layouts: Arc::new(Layouts::default()),
        trusted_proxies: TrustedProxies::default(),
        settings: Arc::default(),
    }
}

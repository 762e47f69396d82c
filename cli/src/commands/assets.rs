//! `flowctl assets`.

use std::process::ExitCode;

use api::{Asset, AssetCollection, AssetEvent, AssetEventBody, AssetEventCollection, DagRun, TriggerDagRunBody};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::conf;
use crate::client::Client;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, Page, moment};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Assets {
    /// Assets, who updates them, and which DAGs run then.
    List {
        /// Only those whose URI contains this.
        #[arg(value_name = "TEXT")]
        uri: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// One asset.
    Show {
        /// Its URI, name or number.
        asset: String,
    },
    /// Updates of assets, the newest first, and the runs that took each.
    Events {
        /// Of this asset: its URI, name or number; default: of all.
        asset: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Tells that something outside updated an asset: DAGs that wait for it run.
    Update(Update),
    /// Runs the DAG that updates an asset.
    Materialize {
        /// Its URI, name or number.
        asset: String,
        /// What the run is triggered with: a JSON object, `@FILE`, or `@-` for stdin.
        #[arg(long, value_name = "JSON")]
        conf: Option<String>,
    },
}

/// What was updated.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Its URI, name or number.
    asset: String,
    /// What consumers may want to know: a JSON object, `@FILE`, or `@-` for stdin.
    #[arg(long, value_name = "JSON")]
    extra: Option<String>,
    /// Start of the interval that was updated, with an offset, for DAGs that wait by interval.
    #[arg(long, value_name = "T", requires = "end")]
    start: Option<Timestamp>,
    /// Its end.
    #[arg(long, value_name = "T", requires = "start")]
    end: Option<Timestamp>,
}

const COLUMNS: [Column<Asset>; 6] = [
    Column { title: "asset", cell: |asset| asset.name.as_str().into() },
    Column { title: "uri", cell: |asset| asset.uri.as_str().into() },
    Column { title: "updated", cell: |asset| updated(asset).into() },
    Column { title: "state", cell: |asset| state(asset).into() },
    Column { title: "updated by", cell: |asset| producers(asset).into() },
    Column { title: "starts", cell: |asset| starts(asset).into() },
];

const EVENT_COLUMNS: [Column<AssetEvent>; 6] = [
    Column { title: "event", cell: |event| event.id.to_string().into() },
    Column { title: "asset", cell: |event| event.uri.as_str().into() },
    Column { title: "at", cell: |event| moment(Some(event.timestamp)).into() },
    Column { title: "by", cell: |event| source(event).into() },
    Column { title: "extra", cell: |event| serde_json::Value::from(event.extra.clone()).to_string().into() },
    Column { title: "started", cell: |event| started(event).into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Assets) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    match verb {
        Assets::List { uri, page } => {
            let mut query = vec![("order_by", "name".to_owned())];
            query.extend(uri.map(|uri| ("uri_pattern", uri)));
            let (assets, total) = page.of::<AssetCollection>(&client, &["assets"], &query).await?;
            globals.output().list(&assets, &COLUMNS, total)?;
        }
        Assets::Show { asset } => {
            let asset = find(&client, &asset).await?;
            globals.output().entry(&asset, &fields(&asset))?;
        }
        Assets::Events { asset, page } => {
            let mut query = vec![("order_by", "-timestamp".to_owned())];
            if let Some(asset) = asset {
                query.push(("asset_id", find(&client, &asset).await?.id.to_string()));
            }
            let (events, total) = page.of::<AssetEventCollection>(&client, &["assets", "events"], &query).await?;
            globals.output().list(&events, &EVENT_COLUMNS, total)?;
        }
        Assets::Update(arguments) => update(globals, &client, arguments).await?,
        Assets::Materialize { asset, conf } => {
            let asset = find(&client, &asset).await?;
            let conf = conf.as_deref().map(conf::read).transpose()?;
            let body = TriggerDagRunBody { conf, ..TriggerDagRunBody::default() };
            let run: DagRun = client.post(&["assets", &asset.id.to_string(), "materialize"], &body).await?;
            anstream::eprintln!("`{}` of `{}` will update `{}`", run.dag_run_id, run.dag_id, asset.uri);
            let fields = [
                ("dag_id", run.dag_id.as_str().into()),
                ("run_id", run.dag_run_id.as_str().into()),
                ("state", Cell::state(&run.state, &run.state)),
            ];
            globals.output().entry(&run, &fields)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn update(globals: &Globals, client: &Client, arguments: Update) -> anyhow::Result<()> {
    let asset = find(client, &arguments.asset).await?;
    let body = AssetEventBody {
        asset_id: asset.id,
        extra: arguments.extra.as_deref().map(conf::read).transpose()?.unwrap_or_default(),
        partition_key: None,
        data_interval_start: arguments.start,
        data_interval_end: arguments.end,
    };
    let event: AssetEvent = client.post(&["assets", "events"], &body).await?;
    let waiting = starts(&asset);
    let waiting = if waiting.is_empty() { "no DAG waits".to_owned() } else { format!("{waiting} may run") };
    anstream::eprintln!("`{}` is updated; {waiting}", asset.uri);
    let fields = [
        ("event", event.id.to_string().into()),
        ("asset", event.uri.as_str().into()),
        ("at", moment(Some(event.timestamp)).into()),
    ];
    globals.output().entry(&event, &fields)
}

/// An asset by its number, URI or name; the failure says what there is.
async fn find(client: &Client, wanted: &str) -> anyhow::Result<Asset> {
    let query = [("only_active", "false".to_owned())];
    let assets = client.all::<AssetCollection>(&["assets"], &query).await?;
    let is_it = |asset: &&Asset| asset.uri == wanted || asset.name == wanted || asset.id.to_string() == wanted;
    // A URI goes before a name that looks like it.
    let found = assets.iter().find(|asset| asset.uri == wanted).or_else(|| assets.iter().find(is_it));
    found.cloned().ok_or_else(|| {
        let hint = match assets.len() {
            0 => "no DAG file names an asset yet".to_owned(),
            count => format!("`flowctl assets list` shows {count}"),
        };
        Failure::not_found(format!("no asset `{wanted}`")).hint(hint).into()
    })
}

fn updated(asset: &Asset) -> String {
    moment(asset.last_asset_event.as_ref().and_then(|event| event.timestamp))
}

/// Whether it is updated as often as it is to be.
fn state(asset: &Asset) -> &'static str {
    match asset.is_overdue {
        Some(true) => "late",
        Some(false) => "fresh",
        None => "–",
    }
}

fn producers(asset: &Asset) -> String {
    let tasks = asset.producing_tasks.iter().map(|task| format!("{}.{}", task.dag_id, task.task_id));
    tasks.collect::<Vec<_>>().join(", ")
}

fn starts(asset: &Asset) -> String {
    asset.scheduled_dags.iter().map(|dag| dag.dag_id.as_str()).collect::<Vec<_>>().join(", ")
}

fn source(event: &AssetEvent) -> String {
    match (&event.source_dag_id, &event.source_task_id, &event.posted_by) {
        (Some(dag_id), Some(task_id), _) => format!("{dag_id}.{task_id}"),
        (_, _, Some(user)) => format!("{user}, from outside"),
        _ => "outside".to_owned(),
    }
}

fn started(event: &AssetEvent) -> String {
    event.created_dagruns.iter().map(|run| format!("{} {}", run.dag_id, run.run_id)).collect::<Vec<_>>().join(", ")
}

fn fields(asset: &Asset) -> Vec<(&'static str, Cell)> {
    let text = |value: &Option<String>| Cell::from(value.as_deref().unwrap_or("–"));
    let consumers = asset.consuming_tasks.iter().map(|task| format!("{}.{}", task.dag_id, task.task_id));
    vec![
        ("id", asset.id.to_string().into()),
        ("uri", asset.uri.as_str().into()),
        ("name", asset.name.as_str().into()),
        ("group", asset.group.as_str().into()),
        ("layer", text(&asset.layer)),
        ("owner", text(&asset.owner)),
        ("description", text(&asset.description)),
        ("described by", text(&asset.described_by)),
        ("updated", updated(asset).into()),
        ("fresh_within", asset.fresh_within.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds}s")).into()),
        ("state", state(asset).into()),
        ("updated by", producers(asset).into()),
        ("read by", consumers.collect::<Vec<_>>().join(", ").into()),
        ("starts", starts(asset).into()),
    ]
}

//! `assets`, `inlets`, `outlets` and schedules over assets: what they become, and what each mistake looks like.

use insta::assert_snapshot;

use super::tests::mistakes;
use super::{Defaults, Parsed, parse};
use crate::asset::AssetCondition::{self, All, Any};
use crate::asset::due::AssetSchedule;
use crate::asset::{Asset, Layer};
use crate::dag::{CronPoints, Schedule};
use crate::duration::Duration;
use crate::timetable::{Timetable, describe};

fn parsed(text: &str) -> Parsed {
    let defaults = Defaults { timezone: "UTC".to_owned() };
    parse(text, "file", &defaults).unwrap_or_else(|problems| panic!("{text}\n{problems:?}"))
}

fn schedule(text: &str) -> Schedule {
    parsed(&format!("schedule: {text}\ntasks: [{{id: a, empty: {{}}}}]")).dag.schedule
}

fn asset(uri: &str) -> AssetCondition {
    AssetCondition::Asset(uri.to_owned())
}

fn over(condition: AssetCondition) -> Schedule {
    Schedule::Assets { assets: AssetSchedule { condition, by_interval: false }, cron: None }
}

#[test]
fn a_description_is_read_with_its_schema() {
    let text = "
assets:
  - uri: s3://lake/orders
    name: orders
    group: sales
    owner: data
    description: One row per order
    layer: source
    fresh_within: 26h
    schema:
      id: {type: bigint, key: true, description: the order}
      state: {type: text, default: new}
      at: timestamptz
  - name: bare
tasks: [{id: a, empty: {}, outlets: [orders, 's3://other'], inlets: bare}]";
    let dag = parsed(text).dag;
    let [orders, bare] = &dag.assets[..] else { panic!("{:?}", dag.assets) };
    assert_eq!(
        (orders.uri.as_str(), orders.name.as_str(), orders.group.as_str()),
        ("s3://lake/orders", "orders", "sales")
    );
    assert_eq!((orders.layer, orders.fresh_within), (Some(Layer::Source), Some(Duration::from_secs(26 * 3600))));
    let columns: Vec<_> =
        orders.schema.iter().map(|(name, column)| (name.as_str(), column.kind.as_deref(), column.key)).collect();
    assert_eq!(
        columns,
        [("id", Some("bigint"), true), ("state", Some("text"), false), ("at", Some("timestamptz"), false)]
    );
    assert_eq!(orders.schema["state"].default, Some("new".into()));
    assert_eq!(*bare, Asset::new("bare"));
    assert_eq!(
        (&dag.tasks[0].outlets[..], &dag.tasks[0].inlets[..]),
        (&["s3://lake/orders".to_owned(), "s3://other".to_owned()][..], &["bare".to_owned()][..])
    );
}

#[test]
fn an_outlet_may_be_described_where_it_is_named_also_by_default_args() {
    let text = "
default_args: {outlets: {uri: s3://a, name: a}}
tasks: [{id: x, empty: {}}, {id: y, empty: {}}, {id: z, empty: {}, outlets: []}]";
    let dag = parsed(text).dag;
    assert_eq!(dag.assets.len(), 1);
    let outlets: Vec<_> = dag.tasks.iter().map(|task| task.outlets.join(",")).collect();
    assert_eq!(outlets, ["s3://a", "s3://a", ""]);
}

#[test]
fn every_form_of_a_schedule_over_assets_is_read() {
    assert_eq!(schedule("{assets: s3://a}"), over(asset("s3://a")));
    assert_eq!(schedule("{assets: [a, b]}"), over(All(vec![asset("a"), asset("b")])));
    let nested = Any(vec![asset("a"), All(vec![asset("b"), Any(vec![asset("c"), asset("d")])])]);
    assert_eq!(schedule("{assets: {any: [a, {all: [b, {any: [c, d]}]}]}}"), over(nested));
    let cron = |interval| Some(CronPoints { expression: "0 6 * * *".to_owned(), interval });
    let assets = || AssetSchedule { condition: asset("a"), by_interval: false };
    assert_eq!(
        schedule("{assets: a, cron: '0 6 * * *'}"),
        Schedule::Assets { assets: assets(), cron: cron(Duration::default()) }
    );
    assert_eq!(
        schedule("{assets: a, cron: '0 6 * * *', interval: 1h}"),
        Schedule::Assets { assets: assets(), cron: cron(Duration::from_secs(3600)) }
    );
    let by_interval = AssetSchedule { condition: All(vec![asset("a")]), by_interval: true };
    assert_eq!(schedule("{assets: [a], partition: interval}"), Schedule::Assets { assets: by_interval, cron: None });
}

#[test]
fn a_name_stands_for_its_uri_wherever_the_description_stands() {
    let text = "
schedule: {assets: [orders]}
tasks: [{id: a, empty: {}, inlets: orders}]
assets: [{uri: s3://lake/orders, name: orders}]";
    let dag = parsed(text).dag;
    assert_eq!(dag.schedule, over(All(vec![asset("s3://lake/orders")])));
    assert_eq!(dag.tasks[0].inlets, ["s3://lake/orders"]);
}

#[test]
fn a_schedule_over_assets_says_what_it_is() {
    let shown = |text: &str| {
        let schedule = schedule(text);
        format!("{} | {}", schedule.text().unwrap_or_default(), describe(&schedule))
    };
    assert_eq!(shown("{assets: [a, {any: [b, c]}]}"), "a and (b or c) | When a and (b or c) was updated");
    assert_eq!(
        shown("{assets: [a, b], partition: interval, cron: '0 6 * * *'}"),
        "a and b or 0 6 * * * | When a and b was updated for the same interval; At 06:00 every day"
    );
    let long = format!("{{assets: [{0}1, {0}2]}}", "s3://a-bucket-with-a-long-name/and/a/long/path");
    assert!(shown(&long).starts_with("2 assets | When s3://"));
}

#[test]
fn only_a_cron_beside_the_assets_makes_a_timetable() {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let next = |text: &str| {
        let dag = parsed(&format!("schedule: {text}\ntasks: [{{id: a, empty: {{}}}}]")).dag;
        Timetable::new(&dag).unwrap().next(None, now).map(|due| due.run_after.to_string())
    };
    assert_eq!(next("{assets: [a]}"), None);
    assert_eq!(next("{assets: [a], cron: '0 6 * * *'}").as_deref(), Some("2026-01-01T06:00:00Z"));
}

#[test]
fn what_a_file_says_of_assets_is_part_of_its_version() {
    let hash = |text: &str| parsed(text).content_hash;
    let base = hash("tasks: [{id: a, empty: {}}]");
    let with = [
        "assets: [{uri: s3://a}]\ntasks: [{id: a, empty: {}}]",
        "assets: [{uri: s3://a, fresh_within: 1h}]\ntasks: [{id: a, empty: {}}]",
        "tasks: [{id: a, empty: {}, outlets: s3://a}]",
        "tasks: [{id: a, empty: {}, inlets: s3://a}]",
        "schedule: {assets: s3://a}\ntasks: [{id: a, empty: {}}]",
        "schedule: {assets: s3://a, partition: interval}\ntasks: [{id: a, empty: {}}]",
    ];
    let hashes: std::collections::BTreeSet<[u8; 32]> = with.iter().map(|text| hash(text)).chain([base]).collect();
    assert_eq!(hashes.len(), with.len() + 1);
    let named = "assets: [{uri: s3://a, name: n}]\nschedule: {assets: NAME}\ntasks: [{id: a, empty: {}}]";
    assert_eq!(hash(&named.replace("NAME", "n")), hash(&named.replace("NAME", "s3://a")));
}

#[test]
fn a_dag_with_assets_reads_back_from_its_version() {
    let text = "
assets: [{uri: s3://a, layer: raw, schema: {x: int}, fresh_within: 1d}]
schedule: {assets: {any: [s3://a, {all: [b, c]}]}, cron: '@daily', partition: interval}
tasks: [{id: a, empty: {}, outlets: s3://d, inlets: [s3://a]}]";
    let dag = parsed(text).dag;
    let spec = serde_json::to_string(&dag).unwrap();
    assert_eq!(serde_json::from_str::<crate::dag::Dag>(&spec).unwrap(), dag);
}

#[test]
fn each_mistake_with_assets_is_found_where_it_stands() {
    assert_snapshot!(mistakes("
assets:
  - {uri: s3://a, layr: raw}
  - {layer: raw}
  - {uri: 's3://a b'}
  - {uri: s3://b, layer: row, fresh_within: 0}
  - s3://c
  - {uri: s3://d, name: d}
  - {uri: s3://d, owner: x}
  - {uri: s3://e, name: d}
  - {uri: s3://f, schema: {x: {type: int, kye: true}}}
schedule: {assets: [], cron: '0 6 * *'}
tasks:
  - {id: a, empty: {}, outlets: [d, s3://d]}
  - {id: b, empty: {}, inlets: ['s3://x/{{ ds }}']}
  - {id: c, empty: {}, inlets: ['']}
"), @r"
        3:19 unknown key `layr` in an asset (did you mean `layer`?)
        4:5 an asset needs a `uri`
        5:11 `s3://a b` cannot be the URI of an asset: it contains blanks or control characters
        6:26 `row` is not a layer (raw, source, feature, recommendation) (did you mean `raw`?)
        6:45 `fresh_within` must be longer than nothing
        7:5 `assets` must be a list of mappings with `uri`, not a text
        9:5 the asset `s3://d` is described twice
        10:5 `d` stands for two assets
        11:43 unknown key `kye` in a column (did you mean `key`?)
        12:20 a schedule over assets needs at least one asset
        12:30 `0 6 * *` is not a cron expression: Invalid pattern: Pattern must have 5 or 6 fields when years are disallowed
        14:37 `s3://d` is in `outlets` twice
        15:41 `inlets` is not a template
        16:33 the URI of an asset cannot be empty
    ");
    for (schedule, what) in [
        ("{assets: {any: []}}", "at least one asset"),
        ("{assets: {any: [a], all: [b]}}", "stands by itself"),
        ("{assets: {anny: [a]}}", "unknown key `anny` in an asset"),
        ("{assets: [a], at: [2026-01-01]}", "not `at`"),
        ("{assets: [a], partition: day}", "must be `interval`"),
        ("{assets: [a], interval: 1h}", "belongs to a `cron`"),
        ("{cron: '0 6 * * *', partition: interval}", "belongs to `assets`"),
        ("{assets: [a]}\ncatchup: true", "`catchup` means nothing"),
        ("{assets: [a]}\noverlap: skip", "`overlap` means nothing"),
        ("{assets: [a]}\njitter: 5s", "`jitter` means nothing"),
    ] {
        let found = mistakes(&format!("schedule: {schedule}\ntasks: [{{id: a, empty: {{}}}}]"));
        assert!(found.contains(what), "{schedule}: {found}");
    }
    let deep = format!("{{assets: {}a{}}}", "{any: [".repeat(25), "]}".repeat(25));
    assert!(mistakes(&format!("schedule: {deep}\ntasks: [{{id: a, empty: {{}}}}]")).contains("nested deeper"));
}

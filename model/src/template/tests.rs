//! The language of templates by example.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ids::{DagRunKey, TaskIndex};
use crate::mapping::Mapped;
use crate::operator::{Bash, Operator};
use crate::state::{DagRunType, TriggeredBy};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn task(task_id: &str) -> Arc<Task> {
    Arc::new(Task {
        upstream: if task_id == "t" { vec![TaskIndex(0)] } else { Vec::new() },
        retries: 2,
        ..Task::new(task_id, Operator::Bash(Bash::new("true")))
    })
}

fn dag() -> Dag {
    Dag {
        owner: "data".to_owned(),
        tags: vec!["a".to_owned()],
        timezone: "Asia/Seoul".to_owned(),
        start_date: Some(at("2026-01-01T00:00:00Z")),
        ..Dag::new("d", vec![task("start"), task("t")])
    }
}

fn dag_run(logical_date: Option<Timestamp>) -> DagRunFacts {
    DagRunFacts {
        key: DagRunKey(1),
        dag_id: "d".to_owned(),
        run_id: "manual__1".to_owned(),
        run_type: DagRunType::Manual,
        logical_date,
        data_interval: logical_date.map(|start| DataInterval { start, end: at("2026-01-02T03:04:05.000006Z") }),
        run_after: at("2026-01-02T00:00:00Z"),
        conf: json!({"day": "월요일", "n": 3}).as_object().unwrap().clone(),
        params: json!({"top_k": 10, "list": [1, "b"], "nested": {"b": 1, "a": null}}).as_object().unwrap().clone(),
        started_at: Some(at("2026-01-02T00:00:01Z")),
        triggered_by: TriggeredBy::Cli,
    }
}

fn fetched() -> Fetched {
    let mut fetched = Fetched::default();
    let start = |key: &str| ("start".to_owned(), key.to_owned());
    fetched.xcoms.insert(start("return_value"), Some(json!({"rows": [1, 2, 3], "ndcg": 0.25})));
    fetched.xcoms.insert(start("when"), Some(json!("2026-02-03T04:05:06+00:00")));
    fetched.xcoms.insert(start("gone"), None);
    fetched.xcoms.insert(("t".to_owned(), "return_value".to_owned()), Some(json!(7)));
    fetched.triggering_asset_events = Some(Vec::new());
    fetched.previous_success = Some(Some(PreviousSuccess {
        data_interval: Some(DataInterval { start: at("2025-12-31T00:00:00Z"), end: at("2026-01-01T00:00:00Z") }),
        started_at: Some(at("2026-01-01T00:00:01Z")),
        ended_at: None,
    }));
    fetched
}

/// What a task instance knows that is the element of a mapping.
fn mapped() -> Arc<Mapped> {
    let values = json!({"city": "seoul"}).as_object().unwrap().clone();
    Arc::new(Mapped { values, ..Mapped::default() })
}

fn rendered(source: &str, dag_run: DagRunFacts, fetched: Fetched) -> Result<Value, RenderError> {
    let dag = Arc::new(dag());
    let scope = Scope {
        task: &dag.tasks[1],
        dag: &dag,
        dag_run: &Arc::new(dag_run),
        try_number: 2,
        max_tries: 3,
        map_index: -1,
        mapped: Some(&mapped()),
        fetched: &Arc::new(fetched),
    };
    render(source, &scope)
}

fn value(source: &str) -> Value {
    rendered(source, dag_run(Some(at("2026-01-01T00:00:00Z"))), fetched())
        .unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// What an expression prints.
fn text(expression: &str) -> String {
    let value = value(&format!(">{{{{ {expression} }}}}<"));
    value.as_str().unwrap().trim_start_matches('>').trim_end_matches('<').to_owned()
}

fn failure(source: &str) -> String {
    match rendered(source, dag_run(Some(at("2026-01-01T00:00:00Z"))), fetched()) {
        Err(RenderError::Failed(message)) => message,
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn names_print_what_airflow_prints() {
    for (expression, expected) in [
        ("ds", "2026-01-01"),
        ("ds_nodash", "20260101"),
        ("ts", "2026-01-01T00:00:00+00:00"),
        ("ts_nodash", "20260101T000000"),
        ("ts_nodash_with_tz", "20260101T000000+0000"),
        ("logical_date", "2026-01-01 00:00:00+00:00"),
        ("data_interval_start", "2026-01-01 00:00:00+00:00"),
        ("data_interval_end", "2026-01-02 03:04:05.000006+00:00"),
        ("prev_data_interval_start_success", "2025-12-31 00:00:00+00:00"),
        ("prev_data_interval_end_success | ds", "2026-01-01"),
        ("prev_start_date_success", "2026-01-01 00:00:01+00:00"),
        ("prev_end_date_success", "None"),
        ("dag.dag_id ~ dag.owner ~ dag.tags ~ dag.timezone ~ dag.task_ids", "ddata['a']Asia/Seoul['start', 't']"),
        ("task.task_id ~ task.retries ~ task.retry_delay ~ task.upstream_task_ids", "t20:05:00['start']"),
        ("ti.task_id ~ ti.dag_id ~ ti.run_id ~ ti.try_number ~ ti.max_tries ~ ti.map_index", "tdmanual__123-1"),
        ("task_instance.try_number ~ try_number ~ map_index", "22-1"),
        ("ti.task.task_id ~ ti.dag_run.run_id", "tmanual__1"),
        ("run_id", "manual__1"),
        ("dag_run.conf.day ~ dag_run.conf['n'] ~ conf.n", "월요일33"),
        ("dag_run.run_type ~ ' ' ~ dag_run.triggered_by", "manual cli"),
        ("dag_run.start_date", "2026-01-02 00:00:01+00:00"),
        ("params.top_k + 1", "11"),
        ("params.list", "[1, 'b']"),
        ("params.nested", "{'b': 1, 'a': None}"),
        ("task_instance_key_str", "d__t__20260101"),
        ("dag", "<DAG: d>"),
        ("ti", "<TaskInstance: d.t manual__1>"),
        ("none", "None"),
        ("true", "True"),
    ] {
        assert_eq!(text(expression), expected, "{expression}");
    }
}

#[test]
fn times_behave_as_pythons_do() {
    for (expression, expected) in [
        ("data_interval_end.year ~ data_interval_end.month ~ data_interval_end.microsecond", "202616"),
        ("logical_date.isoformat()", "2026-01-01T00:00:00+00:00"),
        ("data_interval_end.isoformat(' ')", "2026-01-02 03:04:05.000006+00:00"),
        (
            "data_interval_end.strftime('%Y/%m/%d %H:%M:%S.%f %z %Z %j %% %-d %A')",
            "2026/01/02 03:04:05.000006 +0000 UTC 002 % 2 Friday",
        ),
        ("data_interval_end.format('YYYY-MM-DD[T]HH:mm:ss SSS dddd')", "2026-01-02T03:04:05 000 Friday"),
        ("logical_date.date()", "2026-01-01"),
        ("logical_date.date() + macros.timedelta(1)", "2026-01-02"),
        ("logical_date.timestamp()", "1767225600.0"),
        ("logical_date.int_timestamp", "1767225600"),
        ("logical_date.weekday() ~ logical_date.isoweekday() ~ logical_date.day_of_week", "343"),
        ("logical_date + macros.timedelta(days=1, hours=2)", "2026-01-02 02:00:00+00:00"),
        ("data_interval_start - macros.timedelta(hours=1)", "2025-12-31 23:00:00+00:00"),
        ("macros.timedelta(hours=1) + logical_date", "2026-01-01 01:00:00+00:00"),
        ("(data_interval_end - data_interval_start)", "1 day, 3:04:05.000006"),
        ("(data_interval_end - data_interval_start).total_seconds()", "97445.000006"),
        ("(data_interval_end - data_interval_start).days", "1"),
        ("-macros.timedelta(hours=1)", "-1 day, 23:00:00"),
        ("macros.timedelta(hours=1) * 2 + macros.timedelta(minutes=1) / 2", "2:00:30"),
        ("macros.timedelta(hours=1) / macros.timedelta(minutes=30)", "2.0"),
        ("macros.timedelta(0.5)", "12:00:00"),
        ("logical_date < data_interval_end", "True"),
        ("logical_date == data_interval_start", "True"),
        ("logical_date.subtract(hours=1)", "2025-12-31 23:00:00+00:00"),
        ("logical_date.add(months=1, days=-1)", "2026-01-31 00:00:00+00:00"),
        ("logical_date.in_timezone('Asia/Seoul')", "2026-01-01 09:00:00+09:00"),
        ("logical_date.in_timezone('Asia/Seoul').timezone_name", "Asia/Seoul"),
        ("logical_date.replace(day=15, hour=6)", "2026-01-15 06:00:00+00:00"),
        ("data_interval_end.start_of('day')", "2026-01-02 00:00:00+00:00"),
        ("logical_date.end_of('month')", "2026-01-31 23:59:59.999999+00:00"),
        ("logical_date.start_of('week') | ds", "2025-12-29"),
        ("logical_date.to_date_string() ~ logical_date.to_iso8601_string()", "2026-01-012026-01-01T00:00:00Z"),
        // Python moves the clock's hands: New York's 2026-03-08 has 23 hours.
        (
            "macros.datetime.fromisoformat('2026-03-07T12:00:00-05:00').in_timezone('America/New_York') + macros.timedelta(1)",
            "2026-03-08 12:00:00-04:00",
        ),
        ("logical_date | ds_nodash", "20260101"),
        ("xcom('start', 'when') | ts_nodash", "20260203T040506"),
        ("none | ds", "None"),
    ] {
        assert_eq!(text(expression), expected, "{expression}");
    }
}

#[test]
fn macros_do_what_airflows_do() {
    for (expression, expected) in [
        ("macros.ds_add(ds, 5)", "2026-01-06"),
        ("macros.ds_add('2026-03-01', -1)", "2026-02-28"),
        ("macros.ds_format(ds, '%Y-%m-%d', '%m-%d-%y')", "01-01-26"),
        ("macros.ds_format('1/5/2015', '%m/%d/%Y', '%Y-%m-%d')", "2015-01-05"),
        ("macros.datetime(2026, 1, 2, hour=3)", "2026-01-02 03:00:00"),
        ("macros.datetime.strptime('2026-01-02 03', '%Y-%m-%d %H')", "2026-01-02 03:00:00"),
        ("macros.datetime.fromisoformat('2026-01-02T03:04:05+09:00')", "2026-01-02 03:04:05+09:00"),
        ("macros.datetime.fromtimestamp(0)", "1970-01-01 00:00:00+00:00"),
        ("macros.datetime_diff_for_humans(data_interval_end, data_interval_start)", "1 day after"),
        ("macros.json.dumps({'a': [1, none, true]})", r#"{"a": [1, null, true]}"#),
        ("macros.json.loads('[1, 2]')[1]", "2"),
        ("{'b': 'it\\'s', 'a': 1} | tojson", r#"{"b": "it\u0027s", "a": 1}"#),
        ("'a-b'.split('-')[1].upper() ~ 'x'.startswith('x') ~ ' a '.strip()", "BTruea"),
        ("params.nested.items() | list | length ~ params.nested.get('c', 5)", "25"),
        ("'%05.1f' | format(2.5) ~ ' {:03d}'.format(7)", "002.5 007"),
        ("range(3) | sum", "3"),
    ] {
        assert_eq!(text(expression), expected, "{expression}");
    }
}

#[test]
fn a_template_that_is_one_expression_keeps_its_values_type() {
    for (source, expected) in [
        ("{{ xcom('start').rows }}", json!([1, 2, 3])),
        ("{{ xcom('start') }}\n", json!({"rows": [1, 2, 3], "ndcg": 0.25})),
        ("{{ ti.xcom_pull(task_ids='start')['ndcg'] }}", json!(0.25)),
        ("{{ ti.xcom_pull(task_ids=['start', 't'])[1] }}", json!(7)),
        ("{{ ti.xcom_pull('start', key='gone') }}", json!(null)),
        ("{{ xcom('start', 'gone', default=5) }}", json!(5)),
        ("{{ xcom('start', key='when') }}", json!("2026-02-03T04:05:06+00:00")),
        ("{{ params.top_k }}", json!(10)),
        ("{{ params.top_k > 5 }}", json!(true)),
        ("{{ none }}", json!(null)),
        ("{{ 'a' if false }}", json!(null)),
        ("{{ logical_date }}", json!("2026-01-01 00:00:00+00:00")),
        ("{{ [logical_date, 1.5, {'z': 1, 'a': 2}] }}", json!(["2026-01-01 00:00:00+00:00", 1.5, {"z": 1, "a": 2}])),
        ("{{ params.top_k }} {{ ds }}", json!("10 2026-01-01")),
        (" {{ params.top_k }}", json!(" 10")),
        ("{% if params.top_k > 5 %}many{% else %}few{% endif %}", json!("many")),
        ("{% for row in xcom('start').rows %}{{ loop.index }}:{{ row }} {% endfor %}", json!("1:1 2:2 3:3 ")),
        ("{% set a = 2 %}{{ a * 3 }}", json!("6")),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('ab') }}", json!("abab")),
        ("{{ nosuch | default('x') }}", json!("x")),
        ("{{ params.nosuch is defined }}", json!(false)),
        ("no template", json!("no template")),
        ("{not a template}", json!("{not a template}")),
        ("{# nothing #}", json!("")),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
    assert_eq!(value("{{ {'z': 1, 'a': 2} }}").to_string(), r#"{"z":1,"a":2}"#);
}

#[test]
fn what_is_needed_comes_back_in_one_round_as_far_as_it_can_be_known() {
    let needs = |source: &str| match rendered(source, dag_run(None), Fetched::default()) {
        Err(RenderError::Needs(needs)) => needs
            .iter()
            .map(|need| match need {
                Need::XCom { task_id, key, .. } => format!("{task_id}.{key}"),
                Need::PreviousSuccess => "previous".to_owned(),
                Need::AssetEvents { uri } => uri.clone(),
                Need::TriggeringAssetEvents => "events".to_owned(),
                Need::Variable(key) => format!("var {key}"),
                Need::Connection(id) => format!("conn {id}"),
            })
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        needs("{{ xcom('start').a + 1 }} {{ xcom('t', 'k') }} {{ xcom('start') }}"),
        ["start.return_value"],
        "arithmetic with what is not there ends the round"
    );
    assert_eq!(
        needs("{{ xcom('start').a.b() }} {{ ti.xcom_pull(task_ids=['start', 't'], key='k') }}"),
        ["start.return_value", "start.k", "t.k"]
    );
    assert_eq!(
        needs("{% for x in xcom('start') %}{{ x }}{% endfor %}{{ prev_start_date_success }}"),
        ["start.return_value", "previous"]
    );
    assert_eq!(needs("{{ xcom(xcom('start')) }}"), ["start.return_value"]);
    assert_eq!(
        needs("{{ var.value.a }}{{ var.json.get('b', 1).c }}{{ conn.db.host }}{{ conn.get('x').get_uri() }}"),
        ["var a", "var b", "conn db", "conn x"]
    );
}

#[test]
fn what_is_not_asked_for_is_not_needed() {
    let run = dag_run(Some(at("2026-01-01T00:00:00Z")));
    assert_eq!(rendered("{{ ds if true else xcom('start') }}", run, Fetched::default()), Ok(json!("2026-01-01")));
}

#[test]
fn failures_say_what_and_where() {
    for (source, expected) in [
        ("{{ dss }}", "`dss` is undefined; did you mean `ds`?"),
        ("echo\n{{ params.nosuch }}\n", "`params.nosuch` is undefined (line 2 of the template)"),
        ("{{ params.nosuch }}", "`params.nosuch` is undefined"),
        ("{{ dag_run.confg }}", "`dag_run.confg` is undefined; did you mean `conf`?"),
        ("{{ xcom('start').rows.nosuch.deeper }}x", "`….rows.nosuch` is undefined"),
        ("{{ execution_date }}", "`execution_date` was removed in Airflow 3; write `logical_date`"),
        ("{{ xcom('strat') }}", "there is no task `strat`; did you mean `start`?"),
        ("{{ ds | dss }}", "there is no filter `dss`; did you mean `ds`?"),
        ("{{ 5 | ds }}", "`| ds` takes a time, not a number"),
        ("{{ logical_date + 1 }}", "`+` does not work between a datetime and a number; use `macros.timedelta(days=1)`"),
        ("{{ 'a' - 1 }}", "tried to use - operator on unsupported types string and number"),
        ("{{ logical_date.isoformatt() }}", "a datetime has no method `isoformatt`; did you mean `isoformat`?"),
        (
            "{{ logical_date.in_timezone('Asia/Seol') }}",
            "there is no time zone `Asia/Seol`; use an IANA name such as `Asia/Seoul`",
        ),
        (
            "{{ macros.uuid }}",
            "`macros.uuid` is not supported: it is different every time; use `run_id` and `ti.try_number`, or make one in the task",
        ),
        (
            "{{ macros.datetime.now() }}",
            "`macros.datetime.now` is not supported: it asks the clock; use `data_interval_end` or `dag_run.start_date`",
        ),
        ("{{ macros.ds_add('x', 1) }}", "`x` is not a day; write it as `2026-01-01`"),
        ("{{ ti.xcom_push('a', 1) }}", "a template cannot push an XCom; push it in the task"),
        ("{{ ds", "the template cannot be read: unexpected end of input, expected end of variable block"),
        ("{{ [params.nosuch] }}", "a part of the value is undefined"),
        ("{{ 1 / 0 }}", "unable to calculate 1 / 0"),
    ] {
        assert_eq!(failure(source), expected, "{source}");
    }
    let no_date = rendered("{{ ds }}", dag_run(None), fetched());
    assert_eq!(no_date, Err(RenderError::Failed("`ds` is undefined: the run has no logical date".to_owned())));
}

#[test]
fn time_and_memory_are_bounded() {
    let stopped = "the template does too much and was stopped; let the task do it";
    for source in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{{ b }}{% endfor %}{% endfor %}",
        "{{ 'a' * 100000000 }}",
        "x{{ 'a' * 100000000 }}",
        "{{ ('a' * 100000).replace('a', 'a' * 100000) }}",
        "{% set a = 'aaaaaaaaaa' * 1000 %}{% for i in range(100000) %}{{ a }}{% endfor %}",
        "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    ] {
        let message = failure(source);
        assert!(message == stopped || message.contains("recursion"), "{source}: {message}");
    }
    let doubling = format!("{{% set a = 'xxxxxxxxxx' %}}{}{{{{ a | length }}}}", "{% set a = a ~ a %}".repeat(60));
    assert_eq!(failure(&doubling), stopped);
    assert!(failure("{{ [0] * 100000000 }}").contains("larger than 16777216 bytes"));
    assert!(failure("{{ range(100000000) }}").contains("range"));
    assert!(failure("{{ 2 ** 1000000 }}").contains("unable to calculate"));
    assert!(failure(&format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000))).contains("recursion"));
}

#[test]
fn a_value_nested_as_deep_as_a_template_can_make_it_does_no_harm() {
    let deep = |times: usize| format!("{{% set a = [] %}}{}{{{{ a | length }}}}", "{% set a = [a] %}".repeat(times));
    assert_eq!(value(&deep(1_900)), json!("1"));
    assert!(failure(&deep(100_000)).contains("more than 2000 lists"));
    // A loop does not carry a name into its next turn.
    let looped =
        "{% set a = [] %}{% for i in range(2000) %}{% set a = [a] %}{% if loop.last %}{{ a }}{% endif %}{% endfor %}";
    assert_eq!(value(looped), json!("[[]]"));
}

#[test]
fn python_cannot_be_reached() {
    for source in ["{{ ''.__class__ }}", "{{ ti.__init__ }}", "{{ xcom.__globals__ }}", "{{ dag.__dict__ }}"] {
        assert!(failure(source).contains("is undefined"), "{source}");
    }
}

fn problems(source: &str) -> String {
    let mut shown = String::new();
    for problem in check(source).problems {
        let text = problem.range.map_or("?", |range| &source[range]);
        let help = problem.help.map(|help| format!(" ({help})")).unwrap_or_default();
        let _ = writeln!(shown, "[{text}] {}{help}", problem.message);
    }
    shown
}

#[test]
fn the_check_finds_what_no_run_could_render() {
    assert_snapshot!(problems("{{ dss }} {{ ds_nodahs }} {{ zzzzzz }}"), @r#"
        [dss] `dss` is undefined (did you mean `ds`?)
        [ds_nodahs] `ds_nodahs` is undefined (did you mean `ds_nodash`?)
        [zzzzzz] `zzzzzz` is undefined
        "#);
    assert_snapshot!(problems("{{ ds | dss }} {{ 1 is evn }} {{ 'a' | nosuchfilter }}"), @r#"
        [dss] there is no filter `dss` (did you mean `ds`?)
        [evn] there is no test `evn` (did you mean `even`?)
        [nosuchfilter] there is no filter `nosuchfilter`
        "#);
    assert_snapshot!(problems("{{ dag_run.confg }} {{ ti.tri_number }} {{ macros.ds_ad(ds, 1) }} {{ macros.uuid.uuid4() }}"), @r#"
        [confg] `dag_run` has no `confg` (did you mean `conf`?)
        [tri_number] `ti` has no `tri_number` (did you mean `try_number`?)
        [ds_ad] `macros` has no `ds_ad` (did you mean `ds_add`?)
        [uuid] `macros.uuid` is not supported: it is different every time; use `run_id` and `ti.try_number`, or make one in the task
        "#);
    assert_snapshot!(problems("{{ logical_date.isoformatt() }} {{ logical_date.add(days=1).yer }} {{ macros.datetime(2026, 1, 1).foo }}"), @r#"
        [isoformatt] a datetime has no `isoformatt` (did you mean `isoformat`?)
        [yer] a datetime has no `yer` (did you mean `year`?)
        [foo] a datetime has no `foo`
        "#);
    assert_snapshot!(problems("{{ var.valeu.x }} {{ conn.db.hst }} {{ map.city }} {{ next_ds }} {{ namespace() }}"), @r#"
        [valeu] `var` has no `valeu` (did you mean `value`?)
        [hst] a connection has no `hst` (did you mean `host`?)
        [next_ds] `next_ds` was removed in Airflow 3 (write `data_interval_end | ds`)
        [namespace] `namespace` is not supported (use a filter such as `| sum`, `| join` or `| select`)
        "#);
    assert_snapshot!(problems("{% include 'a' %}"), @r#"[include 'a'] `{% include %}` is not supported: a template stands for itself"#);
    assert_snapshot!(problems("{% for x in xs %}{{ x }}{{ loop.index }}{% endfor %}{{ x }}{{ loop }}"), @r#"
        [xs] `xs` is undefined (did you mean `ds`?)
        [x] `x` is undefined
        [loop] `loop` is undefined
        "#);
    assert_snapshot!(problems("a\n{{ ds"), @r#"[ds] the template cannot be read: unexpected end of input, expected end of variable block"#);
    assert_snapshot!(problems("{% if ds %}"), @r#"[%}] the template cannot be read: unexpected end of input, expected end of block"#);
    assert_snapshot!(problems("{{ 'a }}"), @r#"[?] the template cannot be read: unexpected end of string"#);
}

#[test]
fn the_check_accepts_what_can_be_rendered() {
    for source in [
        "{{ ds }} {{ nosuch | default(1) }} {{ nosuch is defined }} {{ nosuch.a | d(2) }}",
        "{% set a = 1 %}{% if a %}{% set b = 2 %}{% endif %}{{ a }}{{ b }}",
        "{% for k, v in params.items() %}{{ k }}{{ v }}{{ loop.last }}{% endfor %}",
        "{% macro m(x, y=1) %}{{ x }}{{ y }}{{ caller() }}{% endmacro %}{% call m(1) %}z{% endcall %}",
        "{% with a = 1 %}{{ a }}{% endwith %}{% filter upper %}a{% endfilter %}{% set s %}x{% endset %}{{ s }}",
        "{{ (logical_date - macros.timedelta(days=1)).anything }}",
        "{{ params.a.b.c }} {{ dag_run.conf.x }} {{ conf['y'] }} {{ xcom('a').b[0] }} {{ macros.datetime.now }}",
        "{{ dict(a=1).a }} {{ range(3) | list }} {{ true and not none }}",
        "{% raw %}{{ anything }}{% endraw %} {# {{ comment }} #}",
    ] {
        let shown = problems(source);
        assert_eq!(shown, "", "{source}");
    }
}

#[test]
fn literal_task_ids_are_found() {
    let tasks = |source: &str| -> Vec<String> {
        check(source).tasks.into_iter().map(|(task, range)| format!("{task}:{}", &source[range])).collect()
    };
    assert_eq!(tasks("{{ xcom('a').b }} {{ xcom(\"b\", 'key') }}"), ["a:'a'", "b:\"b\""]);
    assert_eq!(tasks("{{ ti.xcom_pull(task_ids='a') }} {{ task_instance.xcom_pull('b') }}"), ["a:'a'", "b:'b'"]);
    assert_eq!(tasks("{{ ti.xcom_pull(task_ids=['a', 'b']) }}"), ["a:['a', 'b']", "b:['a', 'b']"]);
    assert_eq!(tasks("{{ xcom(params.which) }} {{ other('a') }}"), [""; 0]);
}

#[test]
fn every_name_of_the_tables_is_there_in_a_run() {
    let prefix = |of: &str, table: &[(&str, names::Kind)]| -> Vec<String> {
        table.iter().map(|(name, _)| format!("{of}{name}")).collect()
    };
    let mut expressions = prefix("", &names::ROOTS);
    expressions.retain(|name| name != "loop");
    expressions.extend(prefix("dag.", &names::DAG));
    expressions.extend(prefix("task.", &names::TASK));
    expressions.extend(prefix("ti.", &names::TASK_INSTANCE));
    expressions.extend(prefix("dag_run.", &names::DAG_RUN));
    expressions.extend(macros::NAMES.iter().map(|name| format!("macros.{name}")));
    expressions.extend(moment::ATTRIBUTES.iter().map(|name| format!("logical_date.{name}")));
    for expression in expressions {
        assert_eq!(text(&format!("({expression}) is defined")), "True", "{expression}");
        assert_eq!(problems(&format!("{{{{ {expression} }}}}")), "", "{expression}");
    }
    for method in moment::METHODS {
        assert!(!failure_or_text(&format!("logical_date.{method}()")).contains("no method"), "{method}");
    }
    for filter in names::FILTERS {
        assert!(!failure_or_text(&format!("'a' | {filter}")).contains("no filter"), "{filter}");
    }
    for test in names::TESTS.iter().filter(|test| test.chars().all(char::is_alphabetic) && **test != "in") {
        assert!(!failure_or_text(&format!("'a' is {test}('a')")).contains("no test"), "{test}");
    }
}

fn failure_or_text(expression: &str) -> String {
    match rendered(&format!("{{{{ {expression} }}}}"), dag_run(Some(at("2026-01-01T00:00:00Z"))), fetched()) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "ds",
        "xcom('start')",
        ".rows",
        "[0]",
        " | ",
        "tojson",
        "ds_nodash",
        " + ",
        " - ",
        " * ",
        "macros",
        ".timedelta(days=1)",
        "logical_date",
        "for x in ",
        "range(9999)",
        "endfor",
        "if ",
        "endif",
        "set a = ",
        "a",
        " ~ ",
        "9999999999",
        "'한글'",
        "(",
        ")",
        "-",
        "in ",
        "[",
        "]",
        ".add(years=99999)",
        ".strftime('%')",
        "\n",
        "prev_start_date_success",
        ".format('YYYY[')",
        " is defined",
        "else",
        ", ",
        "{#",
        "macro m(x)",
        "endmacro",
        "params",
        "'\\u'",
        "**",
        "not ",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_heap_of_words_makes_it_panic_or_grow_without_bound(words in prop::collection::vec(word(), 0..25)) {
        let source = words.concat();
        let checked = check(&source);
        for problem in &checked.problems {
            prop_assert!(problem.range.clone().is_none_or(|range| source.get(range).is_some()));
        }
        let run = dag_run(Some(at("2026-01-01T00:00:00Z")));
        if let Ok(value) = rendered(&source, run, fetched()) {
            prop_assert!(value.to_string().len() <= 16 * 1024 * 1024);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\{\\{|\\{%|\\PC){0,40}") {
        check(&text);
        let _ = rendered(&text, dag_run(None), Fetched::default());
    }
}

#[test]
fn variables_and_connections_are_read_as_in_airflow() {
    let connection = crate::connection::Connection::from_uri("http://u:p%40ss@h:8080/s?a=1").unwrap();
    let fetched = Fetched {
        variables: [
            ("colour", Ok(Some("green".to_owned()))),
            ("plan", Ok(Some(r#"{"steps": [1, 2]}"#.to_owned()))),
            ("nosuch", Ok(None)),
            ("sealed", Err("no key decrypts it".to_owned())),
        ]
        .map(|(key, found)| (key.to_owned(), found))
        .into(),
        connections: [("api", Ok(Some(connection))), ("nosuch", Ok(None))].map(|(id, c)| (id.to_owned(), c)).into(),
        ..Fetched::default()
    };
    let value = |source: &str| rendered(source, dag_run(None), fetched.clone());
    for (source, expected) in [
        ("{{ var.value.colour }}", json!("green")),
        ("{{ var.value['colour'] }}", json!("green")),
        ("{{ var.value.plan }}", json!(r#"{"steps": [1, 2]}"#)),
        ("{{ var.json.plan.steps }}", json!([1, 2])),
        ("{{ var.json.get('plan').steps[1] }}", json!(2)),
        ("{{ var.value.get('nosuch', 'red') }}", json!("red")),
        ("{{ var.json.get('nosuch', default={'a': 1}).a }}", json!(1)),
        ("{{ var.value.nosuch | default('red') }}", json!("red")),
        ("{{ var.value.nosuch is defined }}", json!(false)),
        ("{{ conn.api.host }}:{{ conn.api.port }}/{{ conn.api.schema }}", json!("h:8080/s")),
        ("{{ conn.api.password }} {{ conn.api.extra_dejson.a }} {{ conn.api.extra }}", json!(r#"p@ss 1 {"a": 1}"#)),
        ("{{ conn.api.get_uri() }}", json!("http://u:p%40ss@h:8080/s?__extra__=%7B%22a%22%3A+1%7D")),
        ("{{ conn.api }}", json!("api")),
        ("{{ conn.get('nosuch', 'none') }}", json!("none")),
        ("{{ conn.get('nosuch') }}", json!(null)),
    ] {
        assert_eq!(value(source), Ok(expected), "{source}");
    }
    let no_variable = "there is no variable `nosuch`; `flowctl variables set nosuch VALUE` makes one";
    let no_connection = "there is no connection `nosuch`; `flowctl connections add nosuch --conn-uri URI` makes one";
    for (source, expected) in [
        ("{{ var.value.nosuch }}", no_variable),
        ("x{{ var.json.nosuch.a }}", no_variable),
        ("{{ [var.value.nosuch] }}", no_variable),
        ("{{ var.value.get('nosuch') }}", no_variable),
        ("{{ conn.nosuch.host }}", no_connection),
        ("{{ var.value.nosuch | default(1) }}{{ params.other }}", "`params.other` is undefined"),
        ("{{ var.json.colour }}", "variable `colour` is not JSON (line 1, column 1)"),
        ("{{ var.value.sealed }}", "variable `sealed` cannot be read: no key decrypts it"),
    ] {
        assert_eq!(value(source), Err(RenderError::Failed(expected.to_owned())), "{source}");
    }
    assert_eq!(fetched.masker().mask("green p@ss5 p%40ss"), "green p@ss5 ***", "`p@ss` itself is too short");
}

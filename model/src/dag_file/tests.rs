//! The language by example: what is understood, and what each mistake looks like to the person who made it.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::ids::TaskIndex;

fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    parse(text, "file", &Defaults { timezone: "UTC".to_owned() })
}

pub(super) fn dag(text: &str) -> Dag {
    read(text).unwrap_or_else(|problems| panic!("{}", render(&problems, "file.yaml", text, false))).dag
}

/// `line:column message (help)`, one per line.
pub(super) fn mistakes(text: &str) -> String {
    let Err(problems) = read(text) else {
        return "no problem".to_owned();
    };
    let mut shown = String::new();
    for problem in &problems {
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let _ = writeln!(shown, "{}:{} {}{help}", problem.line, problem.column, problem.message);
    }
    shown
}

fn upstream<'d>(dag: &'d Dag, task_id: &str) -> Vec<&'d str> {
    let task = dag.task(dag.index_of(task_id).expect("a task"));
    task.upstream.iter().map(|index: &TaskIndex| dag.task(*index).task_id.as_str()).collect()
}

#[test]
fn the_smallest_file_is_a_dag() {
    let dag = dag("tasks: [{id: a, bash: echo hi}]");
    assert_eq!((dag.dag_id.as_str(), dag.owner.as_str(), dag.tasks.len()), ("file", "airflow", 1));
    assert_eq!(dag.tasks[0].retry_delay.absolute().as_secs(), 300);
}

#[test]
fn every_example_is_understood() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../dags");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            dag(&std::fs::read_to_string(&path).unwrap());
            files += 1;
        }
    }
    assert!(files >= 4);
}

#[test]
fn every_snippet_of_the_documentation_is_understood() {
    let documentation = [include_str!("../../../docs/dag-files.md"), include_str!("../../../docs/templates.md")];
    for snippet in documentation.concat().split("```yaml\n").skip(1) {
        let snippet = snippet.split("```").next().unwrap();
        let whole = if snippet.contains("tasks:") {
            snippet.to_owned()
        } else {
            format!("{snippet}\ntasks: [{{id: a, empty: }}]")
        };
        dag(&whole);
    }
}

#[test]
fn a_mapping_comes_after_what_its_templates_name() {
    let dag = dag(
        "tasks:\n  - {id: list, empty: {}}\n  - {id: a, empty: {}, expand: {x: \"{{ xcom('list') }}\", y: [1, 2]}}\n  \
                   - {group: g, expand_zip: {z: \"{{ xcom('list') }}\"}, tasks: [{id: b, bash: 'echo {{ map.z }}'}]}\n",
    );
    assert_eq!(upstream(&dag, "a"), ["list"]);
    assert_eq!(upstream(&dag, "g.b"), ["list"]);
    let expand = dag.tasks[1].expand.as_ref().unwrap();
    assert_eq!(serde_json::to_string(expand).unwrap(), r#"{"product":{"x":"{{ xcom('list') }}","y":[1,2]}}"#);
    assert_eq!(serde_json::to_string(&dag.groups[0].expand).unwrap(), r#"{"zip":{"z":"{{ xcom('list') }}"}}"#);
}

#[test]
fn what_cannot_be_mapped_over_is_refused_where_it_stands() {
    let task = |rest: &str| mistakes(&format!("tasks:\n  - {{id: a, bash: x, {rest}}}"));
    let found: String = [
        "expand: {city: seoul}",
        "expand: {city: 'in {{ ds }}'}",
        "expand: [seoul]",
        "expand: {}",
        "expand: {a b: [1]}",
        "expand_zip: {a: [1], b: [1, 2]}",
        "expand: {a: [1]}, expand_zip: {b: [1]}",
        "expand: {a: \"{{ xcom('b') }}\"}",
        "expand: {a: \"{{ xcom('a') }}\"}",
        "expand: {a: '{{ map.b }}'}",
        "expand: {a: [1]}, map_index_template: \"{{ xcom('a') }}\"",
    ]
    .map(task)
    .concat();
    assert_snapshot!(found, @r"
    2:37 `expand.city` must be a list or a template that gives one, not a text
    2:37 `expand.city` must be a list; this template gives a text, because it is not one `{{ … }}` as a whole
    2:30 `expand` must be a mapping, not a list
    2:30 `expand` needs a list to map over
    2:31 `a b` cannot be a name of `map`; use letters, digits and `_`
    2:43 `expand_zip` pairs lists of one length, but `a` has 1 and `b` has 2
    2:40 one of `expand` and `expand_zip`, not both
    2:43 there is no task `b` (did you mean `a`?)
    2:43 task `a` depends on itself
    2:38 a mapping cannot use `map`: it is the same for every element
    2:69 `map_index_template` cannot use XComs: elements are named before anything runs
    ");
    assert_snapshot!(
        mistakes("default_args: {expand: {a: [1]}}\ntasks: [{id: a, empty: {}}]"),
        @"1:16 `expand` cannot stand in `default_args`: each task is mapped by itself"
    );
}

#[test]
fn map_has_the_names_of_the_mappings_around_and_no_others() {
    let text = "env: {A: '{{ map.x }}'}\ntasks:\n  - {id: a, bash: 'echo {{ map.x }}'}\n  - {id: b, expand: {city: [1]}, bash: \"{{ map.town }} {{ map['city'] }}\"}\n  \
                - group: g\n    expand: {city: [1]}\n    tasks:\n      - {id: list, bash: 'echo {{ map.city }}'}\n      - {id: c, expand: {day: [1]}, bash: '{{ map.city }} {{ map.dey }}'}\n      \
                - {id: d, expand: {x: \"{{ xcom('g.list') }}\"}, empty: {}}\n";
    assert_snapshot!(mistakes(text), @r"
    1:14 `map` is for tasks; the environment of the DAG is for all of them
    3:28 `map` is for tasks with `expand`, or in a group with it
    4:48 `map` has no `town` here; it has city
    9:66 `map` has no `dey` here; it has city, day (did you mean `day`?)
    10:38 a mapping inside the mapped group `g` cannot use `g.list` of the same group: it is the same for every element of the group
    ");
}

#[test]
fn the_tutorial_is_what_airflow_makes_of_it() {
    let dag = dag(include_str!("../../../dags/simple_tutorial.yaml"));
    assert_eq!(dag.dag_id, "simple_tutorial");
    assert_eq!(dag.start_date.unwrap().to_string(), "2024-01-01T00:00:00Z");
    assert!(dag.tasks.iter().all(|task| task.retries == 1 && task.retry_delay.absolute().as_secs() == 300));
    assert_eq!(dag.priority_weights(), [4, 3, 2, 1]);
}

#[test]
fn a_group_stands_for_its_roots_and_leaves() {
    let dag = dag("
tasks:
  - {id: before, empty: }
  - group: g
    depends_on: before
    tasks:
      - {id: a, empty: }
      - {id: b, empty: , depends_on: a}
      - group: inner
        depends_on: b
        tasks: [{id: c, empty: }, {id: d, empty: }]
  - {id: after, empty: , depends_on: g}
");
    assert_eq!(upstream(&dag, "g.a"), ["before"]);
    assert_eq!(upstream(&dag, "g.b"), ["g.a"]);
    assert_eq!(upstream(&dag, "g.inner.d"), ["g.b"]);
    assert_eq!(upstream(&dag, "after"), ["g.inner.c", "g.inner.d"]);
}

#[test]
fn defaults_stand_under_what_a_task_says() {
    let dag = dag("
default_args: {retries: 2, python: {interpreter: python3.9}}
tasks:
  - {id: a, python: m.f}
  - {id: b, python: {script: s.py, interpreter: pypy}, retries: 0}
  - group: g
    default_args: {retries: 5}
    tasks: [{id: c, bash: echo}]
");
    assert_eq!(dag.tasks.iter().map(|task| task.retries).collect::<Vec<_>>(), [2, 0, 5]);
    let interpreter = |at: usize| match &dag.tasks[at].operator {
        crate::operator::Operator::Python(python) => python.interpreter.clone(),
        _ => None,
    };
    assert_eq!((interpreter(0).as_deref(), interpreter(1).as_deref()), (Some("python3.9"), Some("pypy")));
}

#[test]
fn anchors_and_merge_keys_work() {
    let dag = dag("
tasks:
  - &base {id: a, bash: echo a, retries: 3}
  - {<<: *base, id: b}
");
    assert_eq!((dag.tasks[1].task_id.as_str(), dag.tasks[1].retries), ("b", 3));
}

#[test]
fn naive_dates_are_in_the_dags_time_zone() {
    let dag = dag("{start_date: 2026-01-01, timezone: Asia/Seoul, tasks: [{id: a, empty: }]}");
    assert_eq!(dag.start_date.unwrap().to_string(), "2025-12-31T15:00:00Z");
}

#[test]
fn layout_does_not_matter_to_the_version_but_content_does() {
    let hash = |text: &str| read(text).unwrap().content_hash;
    let one = hash("env: {A: '1', B: '2'}\ntasks: [{id: a, bash: echo, retries: 1}]");
    assert_eq!(one, hash("# comment\n\nenv: {B: '2', A: '1'}\ntasks:\n  - bash: echo\n    id: a\n    retries: 1\n"));
    assert_ne!(one, hash("env: {A: '1', B: '2'}\ntasks: [{id: a, bash: echo, retries: 2}]"));
}

#[test]
fn an_unknown_key_is_shown_with_a_caret_and_the_nearest_one() {
    let text = "tasks:\n  - id: a\n    bash: echo\n    retrys: 3\n";
    assert_snapshot!(render(&read(text).unwrap_err(), "dags/a.yaml", text, false), @r#"
        error: unknown key `retrys` in a task
         --> dags/a.yaml:4:5
          |
        4 |     retrys: 3
          |     ^^^^^^
          |
          = help: did you mean `retries`?
        "#);
}

#[test]
fn all_problems_of_a_file_are_collected() {
    assert_snapshot!(mistakes("
dag_id: has space
ownr: me
timezone: Asia/Seol
schedule: 61 * * * *
start_date: yesterday
max_active_runs: 0
dagrun_timeout: soon
catchup: maybe
tasks:
  - {id: a, bash: echo, trigger_rule: all_sucess}
  - {id: a, bash: echo}
  - {id: b, depends_on: aa, empty: 1}
  - {id: c}
  - {id: d, bash: x, python: m.f}
  - {bash: x}
  - {id: e, python: script.py}
  - {id: f, retries: many, bash: ''}
  - just text
"), @r#"
        2:9 `has space` cannot be a `dag_id`; use 1 to 250 of A-Z a-z 0-9 _ . -
        3:1 unknown key `ownr` in a DAG (did you mean `owner`?)
        4:11 there is no time zone `Asia/Seol`; use an IANA name such as `Asia/Seoul` (did you mean `Asia/Seoul`?)
        5:11 `61 * * * *` is not a cron expression: Component error: Number out of bounds
        6:13 `start_date` must be a date such as `2026-01-01`, or a time such as `2026-01-01T06:00` or `2026-01-01T06:00:00+09:00`, not `yesterday`
        7:18 `max_active_runs` must be a whole number from 1 within reason, not 0
        8:17 `soon` is not a duration; write for example `90s`, `5m`, `1h30m`, `2d`, `1w`, `PT5M`, or a number of seconds
        9:10 `catchup` must be true, false or a mapping with `window`, not a text
        11:39 `all_sucess` is not a trigger rule (did you mean `all_success`?)
        12:10 the id `a` is taken (line 11)
        13:25 there is no task or group `aa` (did you mean `a`?)
        13:36 `empty` takes nothing; write `empty: {}`
        14:6 task `c` does nothing: it has no operator key (give it one of `bash`, `python`, `empty`, `branch`, `short_circuit`, `sensor`, `trigger_dag`, `approve`, `notify`)
        15:22 task `d` has two operator keys, `bash` and `python`; a task does one thing
        16:6 a task needs an `id` (a group has `group` in its place)
        17:21 `script.py` is not a callable; write `module.function` (a file is run with `python: {script: script.py}`)
        18:22 `retries` must be a whole number, not a text
        18:34 the command is empty; a task that does nothing is `empty: {}`
        19:5 a task must be a mapping with `id` and an operator, not a text
        "#);
}

#[test]
fn what_does_not_run_yet_is_refused_by_name() {
    assert_snapshot!(mistakes("
max_consecutive_failed_dag_runs: 3
tasks:
  - {id: a, http: x}
  - {id: b, bash: x, queue: gpu, when: y, expand: {a: [1]}}
  - {id: c, python: {callable: m.f, requirements: [x]}}
  - {id: d, bash: x, queue: default, depends_on_past: false}
"), @r#"
        4:13 `http` is not supported yet
        5:22 `queue` other than `default` is not supported yet (`queue: default` is what it does today)
        6:37 `requirements` is not supported yet
        "#);
}

#[test]
fn schedules_that_are_not_are_refused() {
    for (schedule, _) in [
        ("'@dayly'", 0),
        ("1 2 3", 0),
        ("'0 0 30 2 *'", 0),
        ("'0 0 0 * * * *'", 0),
        ("[]", 0),
        ("['0 6 * * *', '0 6 * * *']", 0),
        ("{cron: '0 6 * *'}", 0),
        ("{cron: '0 6 * * *', interval: soon}", 0),
        ("{cron: '0 6 * * *', at: [2026-01-01]}", 0),
        ("{interval: 1h}", 0),
        ("{at: []}", 0),
        ("{at: [tomorrow]}", 0),
        ("{}", 0),
        ("soon", 0),
        ("[a]", 0),
        ("{asets: 1}", 0),
        ("true", 0),
        ("1d", 0),
    ] {
        let shown = mistakes(&format!("schedule: {schedule}\ntasks: [{{id: a, empty: }}]"));
        assert!(shown.starts_with("1:"), "{schedule}: {shown}");
    }
}

#[test]
fn a_cycle_is_named_edge_by_edge() {
    assert_snapshot!(mistakes("
tasks:
  - {id: a, empty: , depends_on: c}
  - {id: b, empty: , depends_on: a}
  - {id: c, empty: , depends_on: b}
  - {id: d, empty: , depends_on: c}
"), @r#"4:34 the tasks form a cycle: `a` >> `b` (line 4), `b` >> `c` (line 5), `c` >> `a` (line 3)"#);
    assert_snapshot!(mistakes("tasks: [{id: a, empty: , depends_on: a}]"), @r#"1:38 task `a` depends on itself"#);
}

#[test]
fn template_problems_point_into_scalars_of_every_style() {
    let text = r#"env:
  DAY: "\"x\" \u00e9 {{ dss }}"
tasks:
  - id: literal
    bash: |
      set -e

      echo "한글 {{ ds }}" {{ nosuch }}
        echo {{ ds | dss }}
  - id: folded
    bash: >-
      echo one
      two {{ ds_nodahs }}
  - id: single
    bash: 'echo ''{{ dagrun }}'''
    env: {A: "{{ var.valeu.x }}", B: '{{ xcom(''litteral'') }}'}
  - id: plain
    bash: echo {{ ti.tri_number }}
      and {{ run_idd }}
  - id: deep
    python:
      callable: m.f
      args: ["{{ xcom('nosuch') }}"]
      kwargs: {a: [{b: "{{ macros.uuid }}"}]}
  - id: open
    bash: |2
        echo {{ ds
  - id: gate
    branch: "{{ 'a' if ti.xcom_pull(task_ids='literall') else none }}"
"#;
    assert_snapshot!(render(&read(text).unwrap_err(), "a.yaml", text, false), @r#"
        error: `dss` is undefined
         --> a.yaml:2:25
          |
        2 |   DAY: "\"x\" \u00e9 {{ dss }}"
          |                         ^^^
          |
          = help: did you mean `ds`?

        error: `nosuch` is undefined
         --> a.yaml:8:29
          |
        8 |       echo "한글 {{ ds }}" {{ nosuch }}
          |                               ^^^^^^

        error: there is no filter `dss`
         --> a.yaml:9:22
          |
        9 |         echo {{ ds | dss }}
          |                      ^^^
          |
          = help: did you mean `ds`?

        error: `ds_nodahs` is undefined
          --> a.yaml:13:14
           |
        13 |       two {{ ds_nodahs }}
           |              ^^^^^^^^^
           |
           = help: did you mean `ds_nodash`?

        error: `dagrun` is undefined
          --> a.yaml:15:22
           |
        15 |     bash: 'echo ''{{ dagrun }}'''
           |                      ^^^^^^
           |
           = help: did you mean `dag_run`?

        error: `var` has no `valeu`
          --> a.yaml:16:22
           |
        16 |     env: {A: "{{ var.valeu.x }}", B: '{{ xcom(''litteral'') }}'}
           |                      ^^^^^
           |
           = help: did you mean `value`?

        error: there is no task `litteral`
          --> a.yaml:16:47
           |
        16 |     env: {A: "{{ var.valeu.x }}", B: '{{ xcom(''litteral'') }}'}
           |                                               ^^^^^^^^^^^
           |
           = help: did you mean `literal`?

        error: `ti` has no `tri_number`
          --> a.yaml:18:22
           |
        18 |     bash: echo {{ ti.tri_number }}
           |                      ^^^^^^^^^^
           |
           = help: did you mean `try_number`?

        error: `run_idd` is undefined
          --> a.yaml:19:14
           |
        19 |       and {{ run_idd }}
           |              ^^^^^^^
           |
           = help: did you mean `run_id`?

        error: there is no task `nosuch`
          --> a.yaml:23:23
           |
        23 |       args: ["{{ xcom('nosuch') }}"]
           |                       ^^^^^^^^

        error: `macros.uuid` is not supported: it is different every time; use `run_id` and `ti.try_number`, or make one in the task
          --> a.yaml:24:35
           |
        24 |       kwargs: {a: [{b: "{{ macros.uuid }}"}]}
           |                                   ^^^^

        error: the template cannot be read: unexpected end of input, expected end of variable block
          --> a.yaml:27:17
           |
        27 |         echo {{ ds
           |                 ^^

        error: there is no task `literall`
          --> a.yaml:29:46
           |
        29 |     branch: "{{ 'a' if ti.xcom_pull(task_ids='literall') else none }}"
           |                                              ^^^^^^^^^^
           |
           = help: did you mean `literal`?
        "#);
}

#[test]
fn what_is_no_template_refuses_one() {
    assert_snapshot!(mistakes("
tasks:
  - {id: a, bash: {command: x, shell: '{{ ds }}'}}
  - {id: b, python: {script: 's-{{ ds }}.py'}}
  - {id: c, python: {callable: '{{ ds }}', interpreter: 'p{% if x %}'}}
  - {id: d, python: {code: 'return {{1: 2}}'}}
"), @r#"
        3:40 `shell` is not a template
        4:33 `script` is not a template
        5:33 `callable` is not a template
        5:59 `interpreter` is not a template
        "#);
}

#[test]
fn params_are_checked() {
    assert_snapshot!(mistakes("
schedule: '@daily'
params:
  a: {type: integer, default: x}
  b: {type: strng, default: x}
  c: {type: string}
  d: {typ: string, default: x}
tasks: [{id: a, empty: }]
"), @r#"
        4:31 the default of param `a` does not match its schema: "x" is not of type "integer"
        5:6 param `b` is not a JSON Schema: at `/type`: "strng" is not valid under any of the schemas listed in the 'anyOf' keyword
        6:3 param `c` has no default, but the DAG is scheduled: nobody would give it (give it a `default`, or leave out `schedule`)
        7:7 unknown key `typ` in a param (a JSON Schema) (did you mean `type`?)
        "#);
}

#[test]
fn conf_is_merged_over_params_and_checked() {
    let dag = dag(
        "{params: {k: {type: integer, default: 1}, l: {type: array, items: {type: integer}}}, tasks: [{id: a, empty: }]}",
    );
    let conf = |json: serde_json::Value| json.as_object().cloned().unwrap();
    let merged = params::merge(&dag, &conf(serde_json::json!({"l": [1], "other": true}))).unwrap();
    assert_eq!(serde_json::Value::from(merged), serde_json::json!({"k": 1, "l": [1], "other": true}));
    let errors = params::merge(&dag, &conf(serde_json::json!({"k": "x", "l": [1, "y"]}))).unwrap_err();
    assert_eq!(errors.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["k", "l/1"]);
    assert_eq!(params::merge(&dag, &serde_json::Map::new()).unwrap_err()[0].0, "l");
}

#[test]
fn what_is_not_yaml_or_not_a_dag_says_so() {
    assert_snapshot!(mistakes(""), @r#"1:1 the file is empty; a DAG needs at least `tasks`"#);
    assert_snapshot!(mistakes("- a"), @r#"1:1 a DAG file must be a mapping with `tasks`, not a list"#);
    assert_snapshot!(mistakes("tasks: [a"), @r#"1:8 cannot be read as YAML: unclosed bracket '['"#);
    assert_snapshot!(mistakes("owner: a\nowner: b\ntasks: []"), @r#"2:1 the key `owner` is given twice"#);
    assert_snapshot!(mistakes("a: 1\n---\nb: 1"), @r#"2:1 a DAG file is one YAML document; here a second one starts"#);
    assert_snapshot!(mistakes("tasks: *nobody"), @r#"1:8 cannot be read as YAML: alias references unknown anchor"#);
}

#[test]
fn an_expansion_bomb_is_refused_in_little_time() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let last = format!("*a{}", level - 1);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![last; 9].join(", "));
    }
    let shown = mistakes(&bomb);
    assert!(shown.contains("the file expands to more than a DAG file may hold"), "{shown}");
}

#[test]
fn a_deep_file_and_a_large_file_are_refused() {
    let shown = mistakes(&format!("tasks: {}{}", "[".repeat(500), "]".repeat(500)));
    assert!(shown.contains("YAML") || shown.contains("more than a DAG file may hold"), "{shown}");
    assert_snapshot!(mistakes(&" ".repeat(11 * 1024 * 1024)), @r#"0:0 the file has 11 MiB; a DAG file may have 10 MiB"#);
}

#[test]
fn ten_thousand_tasks_are_not_too_many() {
    let mut text = "tasks:\n".to_owned();
    for task in 0..10_000 {
        let _ =
            writeln!(text, "  - {{id: t{task}, bash: \"echo {{{{ ds }}}}\", retries: 1, depends_on: [t{}]}}", task + 1);
    }
    text.push_str("  - {id: t10000, empty: }\n");
    assert_eq!(dag(&text).tasks.len(), 10_001);
}

#[test]
fn the_json_schema_accepts_the_examples_and_refuses_unknown_keys() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    for text in [
        include_str!("../../../dags/simple_tutorial.yaml"),
        include_str!("../../../dags/etl_daily.yaml"),
        include_str!("../../../dags/branching.yaml"),
        include_str!("../../../dags/per_city.yaml"),
        include_str!("../../../dags/setup_and_gates.yaml"),
    ] {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({"tasks": [{"id": "a", "empty": {}, "retrys": 1}]})));
}

fn line() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        Just("tasks:"),
        Just("- id: a"),
        Just("bash: '{{'"),
        Just("depends_on: [a, b]"),
        Just("flow:"),
        Just("- a >> [b"),
        Just("group: g"),
        Just("schedule: 5 * * * *"),
        Just("params: {a: {type: 1}}"),
        Just("&a"),
        Just("*a"),
        Just("<<: *a"),
        Just("한글 🎉"),
        Just("start_date: 9999-99-99"),
        Just("retry_delay: 999999999999d"),
        Just("timezone: x"),
        Just("default_args: {bash: x}"),
    ];
    (0..4_usize, words).prop_map(|(indent, word)| format!("{}{word}\n", "  ".repeat(indent)))
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.is_empty());
            render(&problems, "a.yaml", &text, true);
        }
    }

    #[test]
    fn no_heap_of_words_of_the_language_makes_the_parser_panic(lines in prop::collection::vec(line(), 0..20)) {
        let text = lines.concat();
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.is_empty());
            render(&problems, "a.yaml", &text, false);
        }
    }
}

//! Templates of attempts, and the tutorial to the letter.

use std::path::Path;
use std::sync::Arc;

use model::attempt::Outcome;
use model::dag_file::{Defaults, parse};
use model::operator::{Operator, PythonCall};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use worker::{SystemClock, run_attempt};

use crate::fixture::{World, bash, failure, python, task, xcoms};

#[tokio::test]
async fn commands_environments_and_working_directories_are_rendered() {
    let world = World::new().pushed("t", "return_value", json!({"rows": [1, 2]}));
    std::fs::create_dir(world.dags().join("2026-01-01")).unwrap();
    let mut task = bash(
        "basename \"$PWD\"; echo {{ xcom('t').rows | length }} \"$ROWS\" '{{ dag_run.conf.day }}' $NONE {{ ti.try_number }}",
    );
    if let Operator::Bash(bash) = &mut task.operator {
        bash.cwd = Some("{{ ds }}".to_owned());
        bash.env.insert("ROWS".to_owned(), "{{ xcom('t').rows }}".to_owned());
    }
    task.env.insert("NONE".to_owned(), "{{ xcom('t', 'nosuch') }}".to_owned());
    let finished = world.run(task).await;
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(world.log(), ["stdout: 2026-01-01", "stdout: 2 [1, 2] 월요일 None 1"]);
}

#[tokio::test]
async fn arguments_keep_their_types_at_any_depth() {
    let world = World::new().pushed("t", "return_value", json!({"rows": [1, 2]}));
    world.file("m.py", "def f(*args, **kwargs):\n    return [list(args), {k: kwargs[k] for k in ('a', 'b')}]\n");
    let mut call = python(PythonCall::Callable("m.f".to_owned()));
    call.args = vec![json!("{{ xcom('t').rows }}"), json!("{{ params.top_k }}"), json!("{{ ds }} {{ params.top_k }}")];
    call.kwargs = json!({"a": {"deep": ["{{ none }}", "{{ logical_date }}"]}, "b": 1.5}).as_object().unwrap().clone();
    let finished = world.run(task(Operator::Python(call))).await;
    let expected =
        json!([[[1, 2], 10, "2026-01-01 10"], {"a": {"deep": [null, "2026-01-01 00:00:00+00:00"]}, "b": 1.5}]);
    assert_eq!(finished.xcoms[0].value, expected);
}

#[tokio::test]
async fn what_templates_became_is_kept_beside_the_log_without_secrets() {
    let world = World::new().pushed("t", "return_value", json!({"rows": [1, 2]}));
    let mut task = bash("echo {{ xcom('t').rows | length }}");
    if let Operator::Bash(bash) = &mut task.operator {
        bash.env.insert("DAY".to_owned(), "{{ ds }}".to_owned());
        bash.env.insert("PASSWORD".to_owned(), "hunter2".to_owned());
    }
    world.run(task).await;
    let expected = json!({
        "bash": "echo 2", "env": {"FROM_DAG": "dag", "OVER": "task", "DAY": "2026-01-01", "PASSWORD": "***"},
    });
    assert_eq!(world.rendered(), Some(expected));
}

#[tokio::test]
async fn arguments_are_kept_with_their_types() {
    let world = World::new().pushed("t", "return_value", json!([1, 2]));
    let mut call = python(PythonCall::Code("return x".to_owned()));
    call.kwargs = json!({"x": "{{ xcom('t') }}", "y": [true, "{{ none }}"]}).as_object().unwrap().clone();
    world.run(self::task(Operator::Python(call))).await;
    let env = json!({"FROM_DAG": "dag", "OVER": "task"});
    assert_eq!(world.rendered(), Some(json!({"kwargs": {"x": [1, 2], "y": [true, null]}, "env": env})));
}

#[tokio::test]
async fn nothing_is_kept_of_a_task_without_templates() {
    let world = World::new();
    world.run(bash("echo ${HOME}")).await;
    assert_eq!(world.rendered(), None);
}

#[tokio::test]
async fn a_wrong_template_names_its_field_its_task_and_its_line_and_is_not_tried_again() {
    let world = World::new();
    assert_eq!(
        failure(&world.run(bash("echo\necho {{ params.nosuch }}")).await),
        (
            "template of `bash` of task `t` (line 1 of the DAG file): `params.nosuch` is undefined (line 2 of the \
             template)"
                .to_owned(),
            false
        )
    );
    let mut call = python(PythonCall::Code("pass".to_owned()));
    call.kwargs = json!({"a": ["{{ ds", 1]}).as_object().unwrap().clone();
    let (reason, _) = failure(&world.run(task(Operator::Python(call))).await);
    assert!(reason.starts_with("template of `kwargs.a[0]` of task `t`"), "{reason}");
}

#[tokio::test]
async fn braces_of_inline_python_are_pythons() {
    let world = World::new();
    let code = "d = {'a': {'b': 1}}\nreturn f\"{{{d['a']['b']}}} {{ ds }}\"";
    assert_eq!(world.run(crate::fixture::code(code)).await.xcoms[0].value, json!("{1} { ds }"));
}

#[tokio::test]
async fn python_has_airflows_macros() {
    let world = World::new();
    let code = "return [macros.ds_add(ds, 5), macros.ds_format(ds, '%Y-%m-%d', '%d/%m'), \
                str(logical_date - macros.timedelta(hours=1)), macros.json.loads('[1]'), str(context['macros'].datetime(2026, 1, 1))]";
    let expected = json!(["2026-01-06", "01/01", "2025-12-31 23:00:00+00:00", [1], "2026-01-01 00:00:00"]);
    assert_eq!(world.run(crate::fixture::code(code)).await.xcoms[0].value, expected);
}

/// The four tasks of `dags/simple_tutorial.py`, to the letter.
#[tokio::test]
async fn the_tutorial_returns_and_prints_what_airflows_does() {
    let dags = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dags");
    let text = std::fs::read_to_string(dags.join("simple_tutorial.yaml")).unwrap();
    let parsed = parse(&text, "simple_tutorial", &Defaults { timezone: "UTC".to_owned() }).unwrap();
    let dag = Arc::new(parsed.dag);
    let mut world = World::new();
    let mut pushed: Vec<(String, Value)> = Vec::new();
    let mut lines = Vec::new();
    for (index, task) in dag.tasks.iter().enumerate() {
        let mut attempt = world.attempt((**task).clone());
        attempt.dag = dag.clone();
        attempt.dag_file = Arc::new(dags.join("simple_tutorial.yaml"));
        attempt.key.task.0 = u32::try_from(index).unwrap();
        let stop = CancellationToken::new();
        let finished = run_attempt(&attempt, &world.known, &world.config, &SystemClock, |_, _| {}, stop).await;
        assert_eq!(finished.outcome, Outcome::Success, "{}", task.task_id);
        assert_eq!(finished.xcoms.len(), 1, "{:?}", xcoms(&finished));
        let value = finished.xcoms[0].value.clone();
        world = world.pushed(&task.task_id, "return_value", value.clone());
        pushed.push((task.task_id.clone(), value));
        let log = worker::log_path(&world.config.home, "d", "manual__1", &task.task_id, -1, 1);
        for line in std::fs::read_to_string(log).unwrap().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            if entry["stream"] == "stdout" {
                lines.push(entry["line"].as_str().unwrap().to_owned());
            }
        }
    }
    let named = |task_id: &str, value: Value| (task_id.to_owned(), value);
    assert_eq!(
        pushed,
        [
            named("start", json!(["김철수", "이영희", "박민수"])),
            named("process", json!(3)),
            named("check", json!("성공")),
            named("finish", json!("🎉 모든 작업 완료!")),
        ]
    );
    assert_eq!(
        lines,
        [
            "🚀 작업을 시작합니다!",
            "📊 3명의 사용자 데이터를 처리합니다.",
            "  - 김철수 처리 완료",
            "  - 이영희 처리 완료",
            "  - 박민수 처리 완료",
            "✅ 총 3명 처리 확인!",
            "🎉 모든 작업 완료!",
        ]
    );
}

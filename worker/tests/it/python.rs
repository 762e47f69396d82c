use model::attempt::Outcome;
use model::operator::{Branch, Condition, Operator, PythonCall, ShortCircuit};
use serde_json::json;

use crate::fixture::{World, code, failure, python, task, xcoms};

fn callable(name: &str) -> model::dag::Task {
    task(Operator::Python(python(PythonCall::Callable(name.to_owned()))))
}

#[tokio::test]
async fn a_callable_gets_the_context_and_what_others_pushed() {
    let world = World::new().pushed("start", "return_value", json!(["김철수", "이영희", "박민수"]));
    world.file(
        "tutorial.py",
        "def process(**context):\n    users = context['ti'].xcom_pull(task_ids='start')\n    print(users[0], '🎉')\n    return len(users)\n\
         def named(ds, data_interval_start, params, dag_run, ti, prev_data_interval_start_success):\n    \
         return [ds, data_interval_start.isoformat(), params['top_k'], params.top_k, dag_run.conf['day'], ti.task_id, \
         str(prev_data_interval_start_success)]\n\
         def plain():\n    return {'성공': (1, None)}\n",
    );
    let finished = world.run(callable("tutorial.process")).await;
    assert_eq!((finished.outcome.clone(), xcoms(&finished)), (Outcome::Success, vec!["return_value=3".to_owned()]));
    assert_eq!(world.log(), ["stdout: 김철수 🎉", "flowctl: returned value: 3"]);
    let named = world.run(callable("tutorial.named")).await;
    let expected =
        json!(["2026-01-01", "2026-01-01T00:00:00+00:00", 10, 10, "월요일", "t", "2025-12-31 00:00:00+00:00"]);
    assert_eq!(named.xcoms[0].value, expected);
    assert_eq!(world.run(callable("tutorial.plain")).await.xcoms[0].value, json!({"성공": [1, null]}));
}

#[tokio::test]
async fn arguments_come_by_position_and_by_name() {
    let world = World::new();
    world.file("m.py", "def f(a, ds, *, b):\n    return [a, ds, b]\n");
    let mut call = python(PythonCall::Callable("m.f".to_owned()));
    call.args = vec![json!(1)];
    call.kwargs = json!({"b": [2]}).as_object().unwrap().clone();
    assert_eq!(world.run(task(Operator::Python(call))).await.xcoms[0].value, json!([1, "2026-01-01", [2]]));
}

#[tokio::test]
async fn inline_code_is_the_body_of_a_function() {
    let world = World::new();
    let mut call = python(PythonCall::Code("x = n + 1\nif ds:\n    return [x, ds, ti.try_number]\n".to_owned()));
    call.kwargs = json!({"n": 1}).as_object().unwrap().clone();
    assert_eq!(world.run(task(Operator::Python(call))).await.xcoms[0].value, json!([2, "2026-01-01", 1]));
    let text = world.run(code("s = '''a\n  b'''\nreturn s")).await;
    assert_eq!(text.xcoms[0].value, json!("a\n  b"));
    assert_eq!(xcoms(&world.run(code("# nothing")).await), [""; 0]);
}

#[tokio::test]
async fn a_script_runs_as_a_program() {
    let world = World::new();
    world.file("s.py", "import sys, beside\nassert __name__ == '__main__'\nprint(sys.argv[1:], beside.x)\n");
    world.file("beside.py", "x = 1\n");
    let mut call = python(PythonCall::Script("s.py".to_owned()));
    call.args = vec![json!("a"), json!(2)];
    let finished = world.run(task(Operator::Python(call))).await;
    assert_eq!((finished.outcome, world.log()), (Outcome::Success, vec!["stdout: ['a', '2'] 1".to_owned()]));
}

#[tokio::test]
async fn a_traceback_shows_the_task_and_not_the_runner() {
    let world = World::new();
    let finished = world.run(code("a = 1\nraise ValueError('너무 큼')\n")).await;
    assert_eq!(failure(&finished), ("ValueError: 너무 큼".to_owned(), true));
    let log = world.log();
    assert!(log.contains(&"stderr:   File \"<code of t>\", line 2, in task".to_owned()), "{log:#?}");
    assert!(log.contains(&"stderr:     raise ValueError('너무 큼')".to_owned()), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("flowctl_runner")), "{log:#?}");
}

#[tokio::test]
async fn what_is_not_json_names_its_type() {
    let world = World::new();
    let (reason, _) = failure(&world.run(code("return {1, 2}")).await);
    assert_eq!(reason, "the return value is a set, which is not JSON: Object of type set is not JSON serializable");
    let (reason, _) = failure(&world.run(code("return float('nan')")).await);
    assert!(reason.starts_with("the return value is a float, which is not JSON"), "{reason}");
}

#[tokio::test]
async fn several_outputs_are_pushed_each_by_its_key() {
    let world = World::new();
    let mut several = code("ti.xcom_push('own', 1)\nreturn {'a': 1, 'b': [2]}");
    several.multiple_outputs = true;
    assert_eq!(xcoms(&world.run(several).await), ["own=1", "a=1", "b=[2]", r#"return_value={"a":1,"b":[2]}"#]);
    let mut not_a_mapping = code("return [1]");
    not_a_mapping.multiple_outputs = true;
    assert_eq!(
        failure(&world.run(not_a_mapping).await).0,
        "multiple_outputs needs a mapping to be returned, not a list"
    );
}

#[tokio::test]
async fn a_missing_xcom_is_none_with_a_warning() {
    let world = World::new().pushed("a", "null", json!(null));
    let finished = world.run(code("return [ti.xcom_pull(task_ids='gone', default=5), ti.xcom_pull(task_ids=['gone']), ti.xcom_pull('a', key='null', default=1)]")).await;
    assert_eq!(finished.xcoms[0].value, json!([5, [null], null]));
    assert!(world.log().contains(&"stderr: warning: no XCom `return_value` of task `gone`".to_owned()));
    let (reason, may_retry) = failure(&world.run(code("ti.xcom_pull(task_ids='broken')")).await);
    assert_eq!((reason.as_str(), may_retry), ("RuntimeError: the database is away", true));
}

#[tokio::test]
async fn exceptions_and_exit_codes_skip_and_fail() {
    let world = World::new();
    let skipped = world.run(code("from flowctl import SkipException\nraise SkipException('no data')")).await;
    assert_eq!(skipped.outcome, Outcome::Skipped { reason: "no data".to_owned() });
    let failed = world.run(code("from flowctl import FailException\nraise FailException('bad data')")).await;
    assert_eq!(failure(&failed), ("flowctl.FailException: bad data".to_owned(), false));
    let exit = async |text: &str| world.run(code(text)).await.outcome;
    assert_eq!(exit("import sys; sys.exit(99)").await, Outcome::Skipped { reason: "exit code 99".to_owned() });
    assert_eq!(exit("import sys; sys.exit()").await, Outcome::Success);
    assert_eq!(failure(&world.run(code("import sys; sys.exit(3)")).await).0, "exit code 3");
    assert_eq!(
        failure(&world.run(code("import os; os.kill(os.getpid(), 9)")).await).0,
        "killed by SIGKILL (out of memory?)"
    );
    assert!(failure(&world.run(code("import os; os._exit(0)")).await).0.contains("before the task had returned"));
}

#[tokio::test]
async fn what_cannot_be_found_is_named() {
    let world = World::new();
    world.file("m.py", "x = 1\n");
    assert_eq!(failure(&world.run(callable("nowhere.f")).await).0, "ModuleNotFoundError: No module named 'nowhere'");
    let (reason, _) = failure(&world.run(callable("m.f")).await);
    assert!(reason.starts_with("module `m` (") && reason.ends_with("m.py) has no `f`"), "{reason}");
    let mut call = python(PythonCall::Code("pass".to_owned()));
    call.interpreter = Some("no-such-python".to_owned());
    let finished = world.run(task(Operator::Python(call))).await;
    assert_eq!(failure(&finished), ("`no-such-python` was not found: is it installed and on PATH?".to_owned(), false));
    let (reason, _) = failure(&world.run(code("x = 1\nif x\n    pass")).await);
    assert_eq!(reason, "SyntaxError: expected ':' (<code of t>, line 2)");
}

#[tokio::test]
async fn a_branch_follows_what_its_callable_returns() {
    let world = World::new();
    let branch = |text: &str| task(Operator::Branch(Branch::Python(python(PythonCall::Code(text.to_owned())))));
    let outcome = async |text: &str| world.run(branch(text)).await.outcome;
    assert_eq!(outcome("return 'a'").await, Outcome::Branch { follow: vec!["a".to_owned()] });
    assert_eq!(outcome("return ['a', 'b']").await, Outcome::Branch { follow: vec!["a".to_owned(), "b".to_owned()] });
    assert_eq!(outcome("return None").await, Outcome::Branch { follow: Vec::new() });
    let (reason, _) = failure(&world.run(branch("return 3")).await);
    assert_eq!(reason, "a branch returns a task id, a list of them or None, not a number");
}

#[tokio::test]
async fn a_short_circuit_goes_on_when_python_takes_what_its_callable_returns_for_true() {
    let world = World::new();
    let gate = |text: &str| {
        let condition = Condition::Python(python(PythonCall::Code(text.to_owned())));
        task(Operator::ShortCircuit(ShortCircuit { condition, ignore_downstream_trigger_rules: true }))
    };
    for (text, goes_on) in [("return [0]", true), ("return 'no'", true), ("return []", false), ("pass", false)] {
        assert_eq!(world.run(gate(text)).await.outcome, Outcome::ShortCircuit { goes_on }, "{text}");
    }
    assert_eq!(xcoms(&world.run(gate("return 3")).await), ["return_value=3"]);
}

#[tokio::test]
async fn a_home_with_a_long_path_can_ask_too() {
    let mut world = World::new().pushed("a", "return_value", json!(1));
    world.config.home = world.folder.path().join("x".repeat(200));
    world.config.run_folder = world.config.home.join("run");
    assert_eq!(world.run(code("return ti.xcom_pull(task_ids='a')")).await.xcoms[0].value, json!(1));
}

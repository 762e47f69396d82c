//! `flowctl import` on samples: what comes out is a DAG file, and what was not understood is told.

use std::path::{Path, PathBuf};

use crate::local::{Home, Said};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

fn import(home: &Home, from: &str, name: &str) -> Said {
    let said = home.flowctl(&["import", from, sample(name).to_str().unwrap()]);
    home.write("dags/imported.yaml", &said.stdout);
    let validated = home.flowctl(&["validate"]);
    assert_eq!(validated.code, 0, "{}\n{}\n{}", said.stderr, said.stdout, validated.stdout);
    assert_eq!(said.code, 0, "{}", said.stderr);
    said
}

fn places(said: &Said, name: &str) -> String {
    said.stderr.replace(&sample(name).display().to_string(), name)
}

#[test]
fn the_airflow_tutorial_is_imported_and_runs() {
    let home = Home::new();
    let said = import(&home, "airflow", "simple_tutorial.py");
    insta::assert_snapshot!(places(&said, "simple_tutorial.py"), @"simple_tutorial.py:10: `email_on_failure` of default_args is left out: flowctl has no such key");
    let run = home.flowctl(&["dags", "test", "simple_tutorial"]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    for line in ["process |   - 김철수 처리 완료", "check | ✅ 총 3명 처리 확인!", "finish | 🎉 모든 작업 완료!"]
    {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
}

#[test]
fn decorated_functions_branches_and_chains_of_airflow_are_imported_and_run() {
    let home = Home::new();
    let said = import(&home, "airflow", "features.py");
    insta::assert_snapshot!(places(&said, "features.py"), @r#"
    features.py:21: `sla_miss_callback` of the DAG is left out: flowctl has no such key
    features.py:42: not understood: `for number in range(3):`
    "#);
    insta::assert_snapshot!(said.stdout.split_once('\n').unwrap().1, @r#"
    # line 21: `sla_miss_callback` of the DAG is left out: flowctl has no such key
    # line 42: not understood: `for number in range(3):`
    dag_id: "features"
    schedule: "0 6 * * *"
    timezone: "Asia/Seoul"
    start_date: "2026-01-01"
    catchup: false

    tasks:
      - id: "extract"
        python:
          code: |-
            import json
            LIMIT = 10
            def helper(value):
                return json.loads(json.dumps(value)) + LIMIT
            def extract(factor):
                return helper(1) * factor
            return extract(3)
        retries: 2
        retry_delay: "30s"
      - id: "double"
        python:
          code: |-
            def double(value):
                return value * 2
            return double(ti.xcom_pull(task_ids='extract'))
        depends_on: ["extract"]
      - id: "gate"
        branch:
          python:
            code: |-
              def choose(ti):
                  return 'big' if ti.xcom_pull(task_ids='double') > 20 else 'small'
              return choose(ti=ti)
        depends_on: ["double"]
      - id: "big"
        bash: |-
          echo big
          echo done
        execution_timeout: "1h"
        depends_on: ["gate"]
      - id: "small"
        empty: {}
        depends_on: ["gate"]
      - id: "done"
        empty: {}
        trigger_rule: "none_failed_min_one_success"
        depends_on: ["big","small"]
    "#);
    let run = home.flowctl(&["dags", "test", "features"]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("small: skipped"), "{}", run.stderr);
}

#[test]
fn what_airflow_has_and_flowctl_has_not_is_a_task_that_fails_and_a_note() {
    let home = Home::new();
    let said = import(&home, "airflow", "sensor.py");
    insta::assert_snapshot!(places(&said, "sensor.py"), @r#"
    sensor.py:6: not understood: the operator `FileSensor` of the task `wait`; the task fails until it is ported
    sensor.py:7: `on_failure_callback` of the task `load` is left out: flowctl has no such key
    sensor.py: `queue: big` of default_args is left out: flowctl does not run it yet
    "#);
    for line in said.stderr.lines() {
        let text = line.rsplit_once(".py:").map_or(line, |(_, text)| text);
        let text = text.split_once(": ").map_or(text, |(_, text)| text);
        assert!(said.stdout.contains(text), "{text}\n{}", said.stdout);
    }
    assert_eq!(home.flowctl(&["dags", "test", "sensor"]).code, 1);
}

#[test]
fn a_file_that_is_not_python_is_told_with_its_line() {
    let home = Home::new();
    let file = home.write("broken.py", "x = 1\ndef (:\n");
    let said = home.flowctl(&["import", "airflow", file.to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("broken.py:2: "), "{}", said.stderr);
}

#[test]
fn a_dag_factory_file_is_imported() {
    let home = Home::new();
    let said = import(&home, "dag-factory", "dag_factory.yaml");
    insta::assert_snapshot!(places(&said, "dag_factory.yaml"), @r#"
    dag_factory.yaml:8: `default_view` of `example_dag1` is left out
    dag_factory.yaml:23: put /usr/local/airflow/dags/print_hello.py beside the DAG file: `task_2` imports it as `print_hello`
    dag_factory.yaml:26: not understood: the operator `airflow.providers.http.operators.http.HttpOperator` of the task `task_3`; the task fails until it is ported
    "#);
    insta::assert_snapshot!(said.stdout.split_once('\n').unwrap().1, @r#"
    # line 8: `default_view` of `example_dag1` is left out
    # line 23: put /usr/local/airflow/dags/print_hello.py beside the DAG file: `task_2` imports it as `print_hello`
    # line 26: not understood: the operator `airflow.providers.http.operators.http.HttpOperator` of the task `task_3`; the task fails until it is ported
    dag_id: "example_dag1"
    owner: "custom"
    start_date: "2026-01-01"
    schedule: "0 3 * * *"
    description: "an example"
    catchup: false
    max_active_tasks: 4
    default_args:
      retries: 1
      retry_delay: 300

    tasks:
      - id: "task_1"
        bash: "echo 1"
      - id: "task_2"
        python:
          callable: "print_hello.print_test"
          kwargs:
            name: "ada"
        depends_on: ["task_1"]
      - id: "task_3"
        bash: "echo 'flowctl import: HttpOperator is to be ported by hand' >&2; exit 1"
        depends_on: ["task_1","task_2"]
    "#);
}

#[test]
fn each_line_of_a_crontab_is_a_dag_or_a_note() {
    let home = Home::new();
    let crontab = sample("crontab");
    let several = home.flowctl(&["import", "crontab", crontab.to_str().unwrap()]);
    assert_eq!(several.code, 2);
    assert!(several.stderr.contains("name a folder for a file each with --dir"), "{}", several.stderr);
    let said = home.flowctl(&["import", "crontab", crontab.to_str().unwrap(), "--dir", "dags"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    insta::assert_snapshot!(places(&said, "crontab"), @r#"
    crontab:3: `MAILTO=ops@example.com` is left out: output is in the task's log
    crontab:9: not understood: `@reboot /usr/local/bin/warm-up`: `@reboot` has no counterpart: a DAG can run at times, not at a start of the machine
    crontab:10: not understood: `0 3 * * * mail -s hello ops%Good morning`: what follows `%` is the command's input, which a task has not: use a here-document
    crontab:11: not understood: `61 * * * * /bin/never`: `61 * * * *` is not a cron expression: Component error: Number out of bounds
    dags/check.yaml is written
    dags/report.yaml is written
    dags/check_2.yaml is written
    "#);
    assert_eq!(home.flowctl(&["validate"]).stderr, "3 of 3 files are good\n");
    let report = std::fs::read_to_string(home.path().join("dags/report.yaml")).unwrap();
    insta::assert_snapshot!(report.split_once("dag_id").unwrap().1, @r#"
    : "report"
    description: "0 6 * * 1-5 cd /srv/app && ./report.py --day $(date +%F) \"{{ not a template }}\""
    schedule: "0 6 * * 1-5"
    timezone: "Asia/Seoul"
    env:
      KEEP: "7 days"

    tasks:
      - id: "run"
        bash:
          command: "{% raw %}cd /srv/app && ./report.py --day $(date +%F) \"{{ not a template }}\"{% endraw %}"
          shell: "/bin/bash"
    "#);
}

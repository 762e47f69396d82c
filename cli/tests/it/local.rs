//! The commands that need no server, with the real binary.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use store::testing::TestDatabase;
use tempfile::TempDir;

/// A home of a test's own, with a DAG folder in it.
pub(crate) struct Home {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("flowctl-it-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(folder.path().join("dags")).unwrap();
        Self { folder, environment: Vec::new() }
    }

    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command.args(arguments).current_dir(self.path()).env("FLOWCTL_HOME", self.path());
        command.env_remove("FLOWCTL_DATABASE_URL").env_remove("FLOWCTL_DAGS_FOLDER");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn flowctl(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().unwrap())
    }
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

const GOOD: &str = "schedule: \"0 6 * * *\"\ntimezone: Asia/Seoul\ntasks:\n  - {id: a, bash: echo hello}\n  - {id: b, empty: {}, depends_on: a}\n";
const BAD: &str = "tasks:\n  - {id: a, bash: echo hello, retris: 3}\n";

#[test]
fn validate_shows_each_problem_with_line_and_caret_and_fails() {
    let home = Home::new();
    home.write("dags/good.yaml", GOOD);
    home.write("dags/bad.yaml", BAD);
    let said = home.flowctl(&["validate"]);
    assert_eq!(said.code, 1);
    let shown = said.stdout.replace(&home.path().display().to_string(), "HOME");
    insta::assert_snapshot!(shown, @r#"
    error: unknown key `retris` in a task
     --> HOME/dags/bad.yaml:2:31
      |
    2 |   - {id: a, bash: echo hello, retris: 3}
      |                               ^^^^^^
      |
      = help: did you mean `retries`?
    "#);
    assert_eq!(said.stderr, "1 of 2 files are good\n");
}

#[test]
fn validate_of_good_files_is_silent_on_stdout() {
    let home = Home::new();
    home.write("dags/good.yaml", GOOD);
    let said = home.flowctl(&["validate", "dags/good.yaml"]);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (0, "", "1 of 1 files are good\n"));
}

#[test]
fn two_files_with_one_dag_id_are_told_by_both_names() {
    let home = Home::new();
    home.write("dags/a.yaml", "dag_id: twice\ntasks: [{id: a, empty: {}}]\n");
    home.write("dags/b.yaml", "dag_id: twice\ntasks: [{id: a, empty: {}}]\n");
    let said = home.flowctl(&["validate", "dags"]);
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("the DAG `twice` is already described by dags/a.yaml"), "{}", said.stdout);
    assert!(said.stdout.contains("dags/b.yaml"), "{}", said.stdout);
}

#[test]
fn annotations_for_github_name_file_line_and_columns() {
    let home = Home::new();
    home.write("dags/1,2/bad.yaml", BAD);
    let said = home.flowctl(&["validate", "dags", "--format", "github"]);
    insta::assert_snapshot!(said.stdout, @r#"
    ::error file=dags/1%2C2/bad.yaml,line=2,col=31,endColumn=37::unknown key `retris` in a task; did you mean `retries`?
    "#);
}

#[test]
fn a_sarif_report_has_what_the_standard_requires() {
    let home = Home::new();
    home.write("dags/my own/bad.yaml", BAD);
    let said = home.flowctl(&["validate", "dags", "--format", "sarif"]);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let rule = &run["tool"]["driver"]["rules"][0]["id"];
    let result = &run["results"][0];
    assert_eq!(&result["ruleId"], rule);
    assert_eq!(result["level"], "error");
    assert!(result["message"]["text"].as_str().unwrap().contains("retris"));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "dags/my%20own/bad.yaml");
    assert_eq!(place["region"]["startLine"], 2);
    assert_eq!(place["region"]["endColumn"].as_u64().unwrap() - place["region"]["startColumn"].as_u64().unwrap(), 6);
}

#[test]
fn problems_as_json_are_a_list_with_their_files() {
    let home = Home::new();
    home.write("dags/bad.yaml", BAD);
    let said = home.flowctl(&["validate", "dags", "--format", "json"]);
    let problems: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(problems[0]["file"], "dags/bad.yaml");
    assert_eq!((&problems[0]["line"], &problems[0]["help"]), (&2.into(), &"did you mean `retries`?".into()));
}

#[test]
fn a_path_that_is_not_there_is_not_found() {
    let said = Home::new().flowctl(&["validate", "nowhere"]);
    assert_eq!((said.code, said.stderr.as_str()), (3, "error: there is no file or folder nowhere\n"));
}

#[test]
fn a_test_run_shows_what_tasks_print_and_ends_as_the_run_ends() {
    let home = Home::new();
    let dag = home.write(
        "dags/flow.yaml",
        "params: {who: world}
tasks:
  - id: hello
    python: {code: \"print(f'hello {params[\\\"who\\\"]} on {ds}'); print('done'); return 4\"}
  - {id: gate, branch: {python: {code: \"return 'yes' if ti.xcom_pull(task_ids='hello') == 4 else 'no'\"}}, depends_on: hello}
  - {id: 'yes', bash: 'echo chosen on $FLOWCTL_LOGICAL_DATE', depends_on: gate}
  - {id: 'no', bash: 'exit 1', depends_on: gate}
",
    );
    let by_id = home.flowctl(&["dags", "test", "flow", "--date", "2026-03-01", "--conf", "{\"who\": \"Ada\"}"]);
    assert_eq!(by_id.code, 0, "{}\n{}", by_id.stdout, by_id.stderr);
    assert!(by_id.stdout.contains("hello | hello Ada on 2026-03-01\nhello | done\n"), "{}", by_id.stdout);
    assert!(by_id.stdout.contains("yes | chosen"), "{}", by_id.stdout);
    assert!(by_id.stderr.contains("no: skipped"), "{}", by_id.stderr);
    assert!(by_id.stderr.contains("flow manual__2026-03-01T00:00:00+00:00 success"), "{}", by_id.stderr);
    let by_path = home.flowctl(&["dags", "test", dag.to_str().unwrap(), "--task", "hello"]);
    assert_eq!(by_path.code, 0, "{}", by_path.stderr);
    assert!(!by_path.stdout.contains("chosen"), "{}", by_path.stdout);
    assert_eq!(crate::processes::of_home(home.path()), []);
}

#[test]
fn a_failing_test_run_tries_again_at_once_and_fails() {
    let home = Home::new();
    home.write(
        "dags/fails.yaml",
        "tasks:\n  - {id: a, bash: 'echo try $FLOWCTL_TRY_NUMBER; exit 3', retries: 2, retry_delay: 1h}\n  - {id: b, bash: echo never, depends_on: a}\n",
    );
    let said = home.flowctl(&["dags", "test", "fails"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    for number in 1..=3 {
        assert!(said.stdout.contains(&format!("a | try {number}")), "{}", said.stdout);
    }
    assert!(said.stderr.contains("a: failed: exit code 3; is tried again at once, try 3 of 3"), "{}", said.stderr);
    assert!(said.stderr.contains("b: upstream_failed"), "{}", said.stderr);
}

#[test]
fn a_test_run_of_the_tutorial_does_what_the_tutorial_says() {
    let home = Home::new();
    let tutorial = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dags/simple_tutorial.yaml");
    let said = home.flowctl(&["dags", "test", tutorial.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}\n{}", said.stdout, said.stderr);
    for line in ["🚀 작업을 시작합니다!", "📊 3명의 사용자 데이터를 처리합니다.", "🎉 모든 작업 완료!"]
    {
        assert!(said.stdout.contains(line), "{}", said.stdout);
    }
}

#[test]
fn wrong_arguments_of_a_test_run_are_told() {
    let home = Home::new();
    home.write("dags/good.yaml", GOOD);
    home.write("dags/bad.yaml", BAD);
    home.write("dags/strict.yaml", "params: {n: {type: integer, default: 1}}\ntasks: [{id: a, empty: {}}]\n");
    let unknown = home.flowctl(&["dags", "test", "nope"]);
    assert_eq!(unknown.code, 3);
    assert!(unknown.stderr.starts_with("error: no DAG `nope` in the 3 files of "), "{}", unknown.stderr);
    let bad = home.flowctl(&["dags", "test", "bad"]);
    assert_eq!(bad.code, 1);
    assert!(bad.stderr.contains("did you mean `retries`?"), "{}", bad.stderr);
    let task = home.flowctl(&["dags", "test", "good", "--task", "c"]);
    assert_eq!(
        (task.code, task.stderr.as_str()),
        (3, "error: no task or group `c` in `good`\nhint: its tasks are a, b\n")
    );
    let conf = home.flowctl(&["dags", "test", "strict", "--conf", "{\"n\": \"x\"}"]);
    assert_eq!(conf.code, 2);
    assert!(conf.stderr.contains("the params of `strict` are not met: n: "), "{}", conf.stderr);
    let date = home.flowctl(&["dags", "test", "good", "--date", "soon"]);
    assert_eq!(date.code, 2);
}

#[test]
fn the_next_runs_are_in_the_dags_time_zone() {
    let home = Home::new();
    home.write("dags/good.yaml", GOOD);
    let said = home.flowctl(&["dags", "next", "good", "-n", "2", "--from", "2026-03-01T12:00"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    insta::assert_snapshot!(said.stdout, @r#"
    2026-03-01T06:00:00+09:00	2026-03-01T06:00:00+09:00	2026-03-02T06:00:00+09:00	2026-03-02T06:00:00+09:00
    2026-03-02T06:00:00+09:00	2026-03-02T06:00:00+09:00	2026-03-03T06:00:00+09:00	2026-03-03T06:00:00+09:00
    "#);
}

#[test]
fn the_graph_is_a_list_by_level_or_a_picture() {
    let home = Home::new();
    home.write("dags/good.yaml", GOOD);
    let said = home.flowctl(&["dags", "show", "good"]);
    assert_eq!(said.stdout, "1\ta\tbash\tall_success\tb\n2\t  b\tempty\tall_success\t\n");
    let drawn = home.flowctl(&["dags", "show", "good", "--svg", "good.svg"]);
    assert_eq!(drawn.code, 0, "{}", drawn.stderr);
    let svg = std::fs::read_to_string(home.path().join("good.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains(">b</text>"), "{svg}");
}

#[test]
fn a_test_says_which_messages_a_server_would_deliver_and_sends_what_notify_tasks_say() {
    let home = Home::new();
    home.write(
        "dags/tells.yaml",
        "on_failure: {email: a@example.com}\ntasks:\n- {id: bad, bash: exit 1, on_failure: {slack: x}}\n\
         - {id: tell, notify: {slack: {conn_id: nobody, text: hi}}}\n",
    );
    let said = home.flowctl(&["dags", "test", "tells"]);
    assert_eq!(said.code, 1);
    for line in [
        "on_failure of bad: a message over slack would be delivered",
        "on_failure of the run: a message over email would be delivered",
        "there is no connection `nobody`: `flowctl connections add` makes one, or set FLOWCTL_CONN_NOBODY or AIRFLOW_CONN_NOBODY",
    ] {
        assert!(said.stderr.contains(line), "{line}\n{}", said.stderr);
    }
}

#[test]
fn the_schema_of_dag_files_is_json() {
    let said = Home::new().flowctl(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(schema["properties"]["tasks"].is_object());
}

async fn with_database() -> (TestDatabase, Home) {
    let database = TestDatabase::create().await;
    let home = Home::new().set("FLOWCTL_DATABASE_URL", database.url());
    (database, home)
}

#[tokio::test]
async fn accounts_are_made_changed_and_removed() {
    let (database, home) = with_database().await;
    let created = home.flowctl(&["users", "create", "ada", "--role", "admin"]);
    assert_eq!((created.code, created.stdout.trim().len()), (0, 20), "{}", created.stderr);
    let again = home.flowctl(&["users", "create", "ada", "--role", "user"]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("there is an account `ada` already"), "{}", again.stderr);
    let only = home.flowctl(&["users", "set-role", "ada", "viewer"]);
    assert_eq!(
        (only.code, only.stderr.as_str()),
        (1, "error: `ada` is the only administrator\nhint: make another one first\n")
    );
    assert_eq!(home.flowctl(&["users", "create", "bob", "--role", "user"]).code, 0);
    assert_eq!(home.flowctl(&["users", "set-role", "bob", "admin"]).code, 0);
    assert_eq!(home.flowctl(&["users", "delete", "ada"]).code, 0);
    assert_eq!(home.flowctl(&["users", "list"]).stdout, "bob\tadmin\tlocal\tin use\n");
    let before = database.store().account("bob").await.unwrap().unwrap().password_hash;
    assert_eq!(home.flowctl(&["users", "reset-password", "bob"]).code, 0);
    assert_ne!(database.store().account("bob").await.unwrap().unwrap().password_hash, before);
    assert_eq!(home.flowctl(&["users", "delete", "nobody"]).code, 3);
}

#[tokio::test]
async fn a_database_is_checked_and_migrated() {
    let (database, home) = with_database().await;
    assert_eq!(home.flowctl(&["db", "check"]).code, 0);
    database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let behind = home.flowctl(&["db", "check"]);
    assert_eq!(behind.code, 1);
    assert!(behind.stderr.contains("`flowctl db migrate` brings it up to date"), "{}", behind.stderr);
    let service = home.flowctl(&["scheduler"]);
    assert_eq!(service.code, 1);
    assert!(service.stderr.contains("lacks"), "{}", service.stderr);
    let migrated = home.flowctl(&["db", "migrate"]);
    assert_eq!(migrated.code, 0, "{}", migrated.stderr);
    assert!(migrated.stderr.contains("create the schema"), "{}", migrated.stderr);
    assert_eq!(home.flowctl(&["db", "check"]).code, 0);
}

#[tokio::test]
async fn old_runs_are_cleaned_with_their_logs_and_a_dry_run_only_counts() {
    let (database, home) = with_database().await;
    database
        .execute(
            "INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at)
             VALUES ('d', false, '/d.yaml', 'd.yaml', 'o', now());
             INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
             VALUES ('d', 1, '', '{}', '', '/d.yaml');
             INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, run_after, queued_at, ended_at, triggered_by)
             SELECT 'd', 'old', id, 'success', 'manual', now(), now(), '2025-01-01', 'cli' FROM dag_version",
        )
        .await;
    let log = home.write("logs/dag_id=d/run_id=old/task_id=t/attempt=1.log", "{}\n");
    let counted = home.flowctl(&["db", "clean", "--before", "2026-01-01", "--dry-run"]);
    assert!(counted.stdout.starts_with("dag_runs\t1\n"), "{}", counted.stdout);
    assert!(log.exists());
    let cleaned = home.flowctl(&["db", "clean", "--before", "2026-01-01"]);
    assert!(
        cleaned.stdout.contains("dag_runs\t1\n") && cleaned.stdout.contains("log_folders\t1\n"),
        "{}",
        cleaned.stdout
    );
    assert!(!log.exists());
    let nothing = home.flowctl(&["db", "clean", "--before", "2026-01-01"]);
    assert!(nothing.stdout.starts_with("dag_runs\t0\n"), "{}", nothing.stdout);
}

#[tokio::test]
async fn psql_speaks_to_the_database_and_gives_its_exit_code() {
    let (_database, home) = with_database().await;
    let said = home.flowctl(&["db", "shell", "--", "-Atc", "SELECT count(*) FROM leader_lease"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "1\n"), "{}", said.stderr);
    assert_eq!(home.flowctl(&["db", "shell", "--", "-c", "nonsense"]).code, 1);
}

#[tokio::test]
async fn doctor_finds_what_is_wrong_and_says_what_to_do() {
    let (database, home) = with_database().await;
    home.write("dags/bad.yaml", BAD);
    database.execute("INSERT INTO xcom (dag_run_id, task_id, key, value) VALUES (9, 't', 'k', '1')").await;
    let said = home.flowctl(&["doctor"]);
    assert_eq!(said.code, 1);
    for (check, part) in [
        ("DAG folder", "1 of 1 DAG files are refused"),
        ("invariant", "an XCom belongs to no run (1, for instance run 9 task t)"),
        ("scheduler", "no scheduler runs"),
    ] {
        let line = said.stdout.lines().find(|line| line.starts_with(check)).unwrap_or_default();
        assert!(line.contains(part), "{check}\n{}", said.stdout);
        assert_eq!(line.split('\t').filter(|cell| !cell.is_empty()).count(), 3, "{line}");
    }
}

#[test]
fn a_service_without_a_database_says_how_to_name_one() {
    let home = Home::new();
    for service in ["scheduler", "webserver", "dag-processor"] {
        let said = home.flowctl(&[service]);
        assert_eq!(said.code, 1);
        assert!(said.stderr.contains("set FLOWCTL_DATABASE_URL"), "{service}: {}", said.stderr);
    }
    let said = home.flowctl(&["users", "list"]);
    assert!(said.stderr.contains("there is no database"), "{}", said.stderr);
}

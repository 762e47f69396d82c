//! Clients that others wrote, as they are published: Airflow's Python client, `airflowctl`, and schemathesis, which makes
//! requests of what the OpenAPI document says. `.ci/install clients` gets them; what they do is in `tests/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::system::{PASSWORD, System};

/// Where the suites and their DAGs are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A flowctl with the DAGs of the suites.
async fn system() -> System {
    let mut system = System::on_test_database().await;
    for file in std::fs::read_dir(folder().join("dags")).expect("the DAGs").map(|entry| entry.expect("a file").path()) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        system.write_dag(name, &std::fs::read_to_string(&file).expect("a DAG file"));
    }
    system.start().await;
    system
}

/// Python with what `.ci/install clients` got, and where the server is.
fn python(system: &System) -> Command {
    let home = std::env::var_os("HOME").expect("HOME");
    let mut command = Command::new("python3");
    command.current_dir(folder()).env("PYTHONPATH", Path::new(&home).join(".cache/flowctl-ci/clients"));
    command.env("FLOWCTL_SERVER", system.url()).env("FLOWCTL_ADMIN_PASSWORD", PASSWORD);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_COLOR", "1");
    command
}

/// Runs a suite; its output is what fails the test.
fn passes(system: &System, arguments: &[&str]) -> String {
    let output = python(system).args(arguments).output().expect("python3; `.ci/install python3 clients` gets it");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{}", system.stderr());
    said
}

fn suite(system: &System, file: &str) {
    passes(system, &["-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", "--tb=short", file]);
}

#[tokio::test]
async fn airflows_python_client_works_unchanged() {
    suite(&system().await, "test_airflow_client.py");
}

#[tokio::test]
async fn airflowctl_works_unchanged() {
    suite(&system().await, "test_airflowctl.py");
}

#[tokio::test]
async fn schemathesis_finds_no_answer_outside_of_the_document() {
    let system = system().await;
    let said = passes(&system, &["fuzz.py"]);
    let cases = said.lines().find_map(|line| line.trim().strip_suffix(" cases")?.parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases >= 5_000), "{said}");
}

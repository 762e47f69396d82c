//! docker-compose.yml, as far as it can be checked without a container engine.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn compose() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).expect("docker-compose.yml")).expect("YAML")
}

fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten();
    words.map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// The commands of flowctl that a service runs: its own, and its health check.
fn commands(service: &Value) -> Vec<Vec<String>> {
    let check = words(&service["healthcheck"]["test"]);
    let check = check.strip_prefix(&["CMD".to_owned(), "flowctl".to_owned()]).map(<[String]>::to_vec);
    let own = (service["image"] == "flowctl").then(|| words(&service["command"]));
    own.into_iter().chain(check).collect()
}

#[test]
fn the_commands_of_the_compose_file_are_commands_of_flowctl() {
    let compose = compose();
    let all: Vec<_> = compose["services"].as_object().expect("services").values().flat_map(commands).collect();
    assert!(all.len() >= 5, "{all:?}");
    for command in all {
        assert!(!command.is_empty(), "a service without a command would print the help and end");
        let output = Command::new(env!("CARGO_BIN_EXE_flowctl")).args(&command).arg("--help").output();
        let output = output.expect("flowctl");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn services_wait_for_others_that_exist_and_share_volumes_that_are_declared() {
    let compose = compose();
    let services = compose["services"].as_object().expect("services");
    for (name, service) in services {
        for other in service["depends_on"].as_object().into_iter().flat_map(|others| others.keys()) {
            assert!(services.contains_key(other), "{name} waits for {other}");
        }
        for volume in words(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or_default();
            let is_path = source.starts_with(['.', '/', '$']);
            assert!(is_path || compose["volumes"].get(source).is_some(), "{volume}");
        }
    }
}

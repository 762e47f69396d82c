//! Variables and connections.

use super::{Site, run};
use crate::system::System;

#[tokio::test]
async fn a_variable_is_set_read_and_deleted() {
    let site = Site::start().await;
    site.run(&["variables", "set", "colour", "green", "--description", "of the walls"]).done();
    site.run(&["variables", "set", "colour", "red"]).done();
    run(&mut site.command(&["variables", "set", "deploy_token", "-"]), "hunter2\n").done();
    assert_eq!(site.run(&["variables", "get", "colour"]).done(), "red\n");
    assert_eq!(site.run(&["variables", "get", "deploy_token"]).done(), "***\n");
    let listed = site.run(&["variables", "list"]).done();
    assert_eq!(listed, "colour\tred\tof the walls\ndeploy_token\t***\t\n");
    assert_eq!(site.run(&["variables", "get", "nosuch", "--default", "x"]).done(), "x\n");
    let said = site.run(&["variables", "get", "nosuch"]).refused(3);
    assert!(said.contains("no variable `nosuch`"), "{said}");
    let said = site.run(&["variables", "set", "plan", "{", "--json"]).refused(2);
    assert!(said.contains("the value is not JSON"), "{said}");
    site.run(&["variables", "delete", "colour"]).done();
    site.run(&["variables", "delete", "colour"]).refused(3);
}

#[tokio::test]
async fn a_connection_is_added_shown_tried_and_deleted() {
    let site = Site::start().await;
    let uri = "postgres://ada:hunter2hunter2@127.0.0.1:1/sales?sslmode=disable&api_key=k";
    let shown = run(&mut site.command(&["connections", "add", "warehouse", "--conn-uri", "-"]), uri).done();
    assert!(shown.contains("password\t***\n") && shown.contains("port\t1\n"), "{shown}");
    assert!(shown.contains(r#"extra	{"sslmode": "disable", "api_key": "***"}"#), "{shown}");
    let json = r#"{"conn_type": "http", "host": "h", "extra": {"timeout": 5}}"#;
    site.run(&["connections", "add", "api", "--conn-json", json, "--conn-description", "an API"]).done();
    site.run(&["connections", "add", "plain", "--conn-type", "ssh", "--conn-host", "h", "--conn-port", "22"]).done();
    let listed = site.run(&["connections", "list"]).done();
    let expected =
        "api\thttp\th\t\t\t\tan API\nplain\tssh\th\t22\t\t\t\nwarehouse\tpostgres\t127.0.0.1\t1\tada\tsales\t\n";
    assert_eq!(listed, expected);
    let said = site.run(&["connections", "test", "warehouse"]).refused(1);
    assert!(said.contains("refused") && !said.contains("hunter2"), "{said}");
    let said = site.run(&["connections", "test", "plain"]).refused(1);
    assert!(said.contains("connections of type `ssh` cannot be tried"), "{said}");
    site.run(&["connections", "add", "api", "--conn-type", "http"]).refused(1);
    let shown = site.run(&["connections", "set", "api", "--conn-type", "http", "--conn-host", "elsewhere"]).done();
    assert!(shown.contains("host\telsewhere\n") && shown.contains("description\t\n"), "{shown}");
    let said = site.run(&["connections", "add", "b", "--conn-uri", "hunter2"]).refused(2);
    assert!(said.contains("it is not a connection URI") && !said.contains("hunter2"), "{said}");
    site.run(&["connections", "add", "b", "--conn-uri", "http://h", "--conn-host", "i"]).refused(2);
    site.run(&["connections", "delete", "api", "plain"]).done();
    site.run(&["connections", "get", "api"]).refused(3);
}

#[tokio::test]
async fn what_is_exported_is_imported_again_with_its_secrets() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let airflow =
        r#"{"deploy_token": "hunter2", "plan": {"steps": [1, 2]}, "noted": {"value": "v", "description": "d"}}"#;
    std::fs::write(path("airflow.json"), airflow).expect("a file");
    assert_eq!(site.run(&["variables", "import", &path("airflow.json")]).stderr, "3 of 3 imported\n");
    assert_eq!(site.run(&["variables", "export", &path("variables.yaml")]).stderr, "3 exported\n");
    let mode = std::fs::metadata(path("variables.yaml")).expect("a file").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    site.run(&["variables", "delete", "deploy_token", "plan", "noted"]).done();
    assert_eq!(site.run(&["variables", "import", &path("variables.yaml")]).stderr, "3 of 3 imported\n");
    let exported = site.run(&["variables", "export"]).done();
    let exported: serde_json::Value = serde_json::from_str(&exported).expect("JSON");
    let expected = serde_json::json!({
        "deploy_token": "hunter2", "noted": {"value": "v", "description": "d"}, "plan": {"steps": [1, 2]},
    });
    assert_eq!(exported, expected);
    let said = site.run(&["variables", "import", &path("airflow.json"), "--action-on-existing-key", "fail"]);
    assert_eq!(said.code, 1);

    std::fs::write(path("mine.env"), "# mine\nwarehouse=postgres://ada:hunter2@db:5432/sales\napi=http://h/?token=t\n")
        .expect("a file");
    assert_eq!(site.run(&["connections", "import", &path("mine.env")]).stderr, "2 of 2 imported\n");
    assert_eq!(site.run(&["connections", "import", &path("mine.env")]).stderr, "0 of 0 imported\n");
    site.run(&["connections", "export", &path("all.json")]).done();
    site.run(&["connections", "delete", "warehouse", "api"]).done();
    assert_eq!(site.run(&["connections", "import", &path("all.json"), "--overwrite"]).stderr, "2 of 2 imported\n");
    let env = site.run(&["connections", "export", "--file-format", "env"]).done();
    assert_eq!(env, "api=http://h/?token=t\nwarehouse=postgres://ada:hunter2@db:5432/sales\n");
    std::fs::write(path("bad.json"), r#"{"a": "hunter2"}"#).expect("a file");
    let said = site.run(&["connections", "import", &path("bad.json")]).refused(2);
    assert!(said.contains("`a`: it is not a connection URI") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn the_keys_of_a_deployment_are_changed() {
    let (first, second) = (store::Keyring::generate(), store::Keyring::generate());
    let mut system = System::on_test_database().await;
    system.set("FLOWCTL_FERNET_KEY", &first);
    system.start().await;
    let site = Site::of(system);
    site.run(&["variables", "set", "colour", "green"]).done();
    site.run(&["connections", "add", "api", "--conn-uri", "http://u:hunter2@h"]).done();
    let with = |keys: &str, arguments: &[&str]| run(site.command(arguments).env("FLOWCTL_FERNET_KEY", keys), "");
    let said = with(&second, &["db", "rotate-key"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("not rotated: variable `colour`: none of the keys decrypts it"), "{said:?}");
    assert!(said.stderr.contains("not rotated: connection `api`"), "{said:?}");
    let said = with(&format!("{second},{first}"), &["db", "rotate-key"]);
    assert_eq!(said.stderr, "1 variables and 1 connections are encrypted with the first key\n");
    let exported = with(&second, &["connections", "export", "--file-format", "env"]).done();
    assert_eq!(exported, "api=http://u:hunter2@h\n");
    let said = with(&first, &["variables", "export"]).refused(1);
    assert!(said.contains("variable `colour`: none of the keys decrypts it"), "{said}");
    let said = with("short", &["variables", "export"]).refused(2);
    assert!(said.contains("key 1 is not a Fernet key") && !said.contains("short"), "{said}");
}

#[tokio::test]
async fn standalone_makes_a_key_of_its_own() {
    let site = Site::start().await;
    let key = site.system.home().join("fernet.key");
    let mode = std::fs::metadata(&key).expect("a key").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let text = std::fs::read_to_string(&key).expect("a key");
    assert_eq!(text.parse::<store::Keyring>().expect("a key").len(), 1);
}

//! The configuration, with the real binary.

use crate::local::Home;

#[test]
fn each_setting_is_listed_with_its_source_and_secrets_are_masked() {
    let home =
        Home::new().set("FLOWCTL_DATABASE_URL", "postgres://u:hunter2@h/d").set("FLOWCTL_CORE__PARALLELISM", "4");
    home.write("flowctl.toml", "[webserver]\nbind = \"127.0.0.1:9999\"\n");
    let said = home.flowctl(&["config", "list"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let shown = said.stdout.replace(&home.path().display().to_string(), "HOME");
    insta::assert_snapshot!(shown, @r#"
    core.dags_folder	HOME/dags	default
    core.default_timezone	UTC	default
    core.parallelism	4	FLOWCTL_CORE__PARALLELISM
    core.max_active_runs_per_dag	16	default
    core.max_active_tasks_per_dag	16	default
    core.max_map_length	1024	default
    core.dags_are_paused_at_creation	false	default
    core.killed_task_cleanup_time	60s	default
    core.xcom_max_size	48KiB	default
    database.url	********	FLOWCTL_DATABASE_URL
    database.connect_timeout	30s	default
    webserver.bind	127.0.0.1:9999	HOME/flowctl.toml:2:1
    webserver.base_url	–	default
    webserver.trusted_proxies	–	default
    oidc.issuer	–	default
    oidc.client_id	–	default
    oidc.client_secret	–	default
    oidc.scopes	profile email	default
    oidc.username_claim	preferred_username	default
    oidc.groups_claim	groups	default
    oidc.roles	–	default
    oidc.default_role	–	default
    oidc.label	single sign-on	default
    notifications.smtp_host	–	default
    notifications.smtp_port	–	default
    notifications.smtp_tls	starttls	default
    notifications.smtp_user	–	default
    notifications.smtp_password	–	default
    notifications.smtp_from	–	default
    worker.max_log_bytes	256MiB	default
    secrets.fernet_key	–	default
    secrets.directory	–	default
    secrets.vault_url	–	default
    secrets.vault_token	–	default
    secrets.vault_mount	secret	default
    secrets.vault_path	/	default
    logging.level	warn,scheduler=info	default
    logging.format	text	default
    "#);
    assert!(!said.stdout.contains("hunter2"));
}

#[test]
fn one_value_is_printed_alone() {
    let home = Home::new().set("FLOWCTL_CORE__PARALLELISM", "4");
    let said = home.flowctl(&["config", "get", "core.parallelism"]);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (0, "4\n", ""));
    let unknown = home.flowctl(&["config", "get", "core.paralelism"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (3, "error: unknown key `core.paralelism`; did you mean `core.parallelism`?\n")
    );
}

#[test]
fn nothing_starts_with_a_wrong_setting_and_lint_shows_all_of_them() {
    let home = Home::new().set("FLOWCTL_CORE__DEFAULT_TIMEZONE", "Mars/Base");
    let file = home.write("flowctl.toml", "[core]\nparalelism = 4\n");
    let started = home.flowctl(&["standalone", "--port", "0"]);
    assert_eq!(started.code, 2);
    let linted = home.flowctl(&["config", "lint"]);
    assert_eq!(linted.code, 1);
    let place = format!("{}:2:1: unknown key `core.paralelism`; did you mean `core.parallelism`?", file.display());
    for text in [&started.stderr, &linted.stdout] {
        assert!(text.contains(&place), "{text}");
        assert!(
            text.contains("FLOWCTL_CORE__DEFAULT_TIMEZONE: `core.default_timezone` takes an IANA time zone"),
            "{text}"
        );
    }
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    let said = Home::new().flowctl(&["config", "list", "--config", "nowhere.toml"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("nowhere.toml cannot be read"), "{}", said.stderr);
}

//! Who may, and where the credentials are.

use std::os::unix::fs::PermissionsExt;
use store::testing::tester;

use sha2::{Digest, Sha256};
use store::account::Account;

use super::{Site, run};
use crate::system::PASSWORD;

#[tokio::test]
async fn a_login_leaves_a_token_that_only_its_owner_can_read_and_a_logout_revokes_it() {
    let site = Site::start().await;
    let file = site.system.home().join("client.json");
    let mode = std::fs::metadata(&file).expect("credentials").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).expect("them")).expect("JSON");
    assert_eq!(left["server"], site.system.url());
    let token = left["token"].as_str().expect("a token").to_owned();

    // The server is known from the file too.
    let mut command = site.system.command(&["dags", "list"]);
    run(command.env_remove("FLOWCTL_SERVER"), "").done();

    site.run(&["logout"]).done();
    assert!(!file.exists());
    let stderr = site.run(&["dags", "list"]).refused(4);
    assert!(stderr.contains("asks for a login") && stderr.contains("`flowctl login`"), "{stderr}");
    let stderr = site.run(&["--token", &token, "dags", "list"]).refused(4);
    assert!(stderr.contains("does not accept the token"), "{stderr}");
    site.run(&["logout"]).done();
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_leaves_what_was_there() {
    let site = Site::start().await;
    for (name, password) in [("admin", "guess"), ("nobody", PASSWORD)] {
        let stderr = run(&mut site.command(&["login", "--username", name]), password).refused(4);
        assert!(stderr.contains(&format!("wrong name or password for {name}")), "{stderr}");
    }
    let stderr = run(&mut site.command(&["login"]), "").refused(2);
    assert!(stderr.contains("no password was given"), "{stderr}");
    site.run(&["dags", "list"]).done();
}

#[tokio::test]
async fn a_token_that_expired_asks_for_a_login() {
    let site = Site::start().await;
    let store = site.system.store().await;
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect("an instant");
    let hash = Sha256::digest(b"of yesterday").into();
    let (created, expired) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
    store.insert_access_token(&hash, "admin", "session", created, expired).await.expect("a token");
    store.close().await;
    let stderr = site.run(&["--token", "of yesterday", "dags", "list"]).refused(4);
    assert!(stderr.contains("may have expired") && stderr.contains("`flowctl login`"), "{stderr}");
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let site = Site::start().await;
    site.dag("one", "tasks:\n  - id: only\n    empty: {}\n").await;
    let store = site.system.store().await;
    let password_hash = webserver::doors::hash_password("only looking").expect("a hash");
    let account = Account { username: "watcher".to_owned(), password_hash, role: "viewer".to_owned() };
    assert!(store.create_account(&account, &tester()).await.expect("an account"));
    store.close().await;
    run(&mut site.command(&["login", "--username", "watcher"]), "only looking").done();
    site.run(&["dags", "list"]).done();
    for arguments in [["dags", "trigger", "one"], ["dags", "pause", "one"]] {
        let stderr = site.run(&arguments).refused(4);
        assert!(stderr.contains("not permitted"), "{stderr}");
    }
}

#[tokio::test]
async fn version_and_health_need_no_login() {
    let site = Site::start().await;
    site.run(&["logout"]).done();
    let printed = site.run(&["version", "-o", "json"]).done();
    let version: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(version["client"], version["server"]["version"]);
    let health = site.until(&["health"], |printed| printed.contains("scheduler\thealthy")).await;
    assert!(health.starts_with("metadatabase\thealthy\n"), "{health}");
}

#[tokio::test]
async fn a_role_of_ones_own_is_made_granted_and_given_to_an_account() {
    let site = Site::start().await;
    site.dag("one", "tags: [team-a]\ntasks:\n  - id: only\n    empty: {}\n").await;
    site.dag("two", "tasks:\n  - id: only\n    empty: {}\n").await;
    let stderr = site.run(&["users", "create", "ada", "--role", "team-a"]).refused(2);
    assert!(stderr.contains("no role `team-a`; there are `admin`, `op`, `user`, `viewer`"), "{stderr}");
    site.run(&["roles", "create", "team-a"]).done();
    for permission in ["dag.read", "dag_run.create"] {
        site.run(&["roles", "grant", "team-a", permission, "--tag", "team-a"]).done();
    }
    let stderr = site.run(&["roles", "grant", "team-a", "dag.read"]).refused(2);
    assert!(stderr.contains("--dag") && stderr.contains("--everything"), "{stderr}");
    let stderr = site.run(&["roles", "grant", "team-a", "dag.fly", "--everything"]).refused(2);
    assert!(stderr.contains("no permission `dag.fly`"), "{stderr}");
    let listed = site.run(&["roles", "list"]).done();
    assert!(listed.contains("team-a\tno\t0\tdag.read tag=team-a, dag_run.create tag=team-a\n"), "{listed}");

    let password = site.run(&["users", "create", "ada", "--role", "team-a"]).done();
    run(&mut site.command(&["login", "--username", "ada"]), password.trim()).done();
    let listed = site.run(&["dags", "list"]).done();
    assert!(listed.lines().count() == 1 && listed.starts_with("one\t"), "{listed}");
    site.run(&["dags", "trigger", "one"]).done();
    site.run(&["dags", "trigger", "two"]).refused(4);
    site.run(&["roles", "list"]).refused(4);
    site.run(&["users", "disable", "ada"]).done();
    let stderr = site.run(&["dags", "list"]).refused(4);
    assert!(stderr.contains("does not accept the token"), "{stderr}");
}

#[tokio::test]
async fn a_personal_token_is_printed_once_and_revoked_by_its_name() {
    let site = Site::start().await;
    let token = site.run(&["tokens", "create", "ci", "--role", "viewer", "--days", "7"]).done();
    let with = |arguments: &[&str]| site.run(&[&["--token", token.trim()], arguments].concat());
    with(&["dags", "list"]).done();
    with(&["pools", "set", "p", "1"]).refused(4);
    let listed = site.run(&["tokens", "list"]).done();
    assert!(listed.contains("\tci\tviewer\t") && !listed.contains(token.trim()), "{listed}");
    site.run(&["tokens", "revoke", "ci"]).done();
    with(&["dags", "list"]).refused(4);
    let stderr = site.run(&["tokens", "revoke", "ci"]).refused(3);
    assert!(stderr.contains("you have no token `ci`"), "{stderr}");
}

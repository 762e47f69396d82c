use std::path::Path;

use super::key::KEYS;
use super::read::{Origin, Resolved, Source, resolve};
use super::{Settings, page};

fn resolve_in(home: &Path, environment: &[(&str, &str)], file: &str) -> Resolved {
    std::fs::write(home.join("flowctl.toml"), file).unwrap();
    resolve(&Source {
        home: Some(home),
        config: None,
        flags: &[],
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        user_home: None,
        here: Path::new("/"),
    })
    .unwrap()
}

fn problems(environment: &[(&str, &str)], file: &str) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let shown = home.path().join("flowctl.toml").display().to_string();
    let resolved = resolve_in(home.path(), environment, file);
    resolved.problems.iter().map(|problem| problem.to_string().replace(&shown, "FILE")).collect()
}

#[test]
fn every_default_is_a_value_of_its_key() {
    let home = Path::new("/home");
    for key in KEYS {
        let mut settings = Settings::blank(home);
        if let Some(default) = key.default {
            (key.set)(&mut settings, default, home).unwrap_or_else(|wrong| panic!("{}: {}", key.name, wrong.0));
        }
    }
}

#[test]
fn a_flag_is_before_the_environment_before_the_file_before_the_default() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join("flowctl.toml"),
        "[core]\nparallelism = 1\nmax_active_runs_per_dag = 1\nmax_active_tasks_per_dag = 1\n",
    )
    .unwrap();
    let resolved = resolve(&Source {
        home: Some(home.path()),
        config: None,
        flags: &[("core.parallelism", "--parallelism", "3".to_owned())],
        environment: vec![
            ("FLOWCTL_CORE__PARALLELISM".into(), "2".into()),
            ("FLOWCTL_CORE__MAX_ACTIVE_RUNS_PER_DAG".into(), "2".into()),
        ],
        user_home: None,
        here: Path::new("/"),
    })
    .unwrap();
    let limits = resolved.settings.limits;
    assert_eq!((limits.parallelism, limits.max_active_runs_per_dag, limits.max_active_tasks_per_dag), (3, 2, 1));
    assert_eq!(resolved.settings.default_timezone, "UTC");
    let origin = |name: &str| resolved.list.iter().find(|setting| setting.key.name == name).unwrap().origin.clone();
    assert_eq!(origin("core.parallelism"), Origin::Flag("--parallelism"));
    assert_eq!(origin("core.default_timezone"), Origin::Default);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_nearest_key() {
    let file = "[core]\nparalelism = 4\nxcom_max_size = \"big\"\nmax_map_length = 3\n\n[executor]\nname = \"x\"\n\n[worker]\ndags_folder = \"/x\"\nqqqqqqqqqqq = [1]\n[webserver]\nbind = []\n";
    insta::assert_snapshot!(problems(&[], file).join("\n"), @r#"
    FILE:13:1: `webserver.bind` takes one value, not a list
    FILE:2:1: unknown key `core.paralelism`; did you mean `core.parallelism`?
    FILE:7:1: `executor.name` is not supported yet
    FILE:10:1: unknown key `worker.dags_folder`; did you mean `core.dags_folder`?
    FILE:11:1: unknown key `worker.qqqqqqqqqqq`; `flowctl config list` shows all
    FILE:3:1: `core.xcom_max_size` takes a size: `big` is not a size; write for example `48KiB`, `256MiB`, `1GB`, or a number of bytes
    "#);
}

#[test]
fn a_variable_that_looks_like_a_setting_and_is_none_is_refused() {
    insta::assert_snapshot!(
        problems(
            &[
                ("FLOWCTL_CORE__PARALELISM", "4"),
                ("FLOWCTL_CORE__PARALLELISM", "0"),
                ("FLOWCTL_DATABASE_URL", "mysql://u:secret@h/d"),
                ("FLOWCTL_DAG_ID", "of a task"),
            ],
            ""
        )
        .join("\n"),
        @r#"
    FLOWCTL_CORE__PARALELISM: unknown key `core.paralelism`; did you mean `core.parallelism`?
    FLOWCTL_CORE__PARALLELISM: `core.parallelism` takes a number from 1: `0` is not a number from 1 to 1000000
    FLOWCTL_DATABASE_URL: `database.url` takes a `postgres://` URL: the value is not a `postgres://user:password@host/database` URL
    "#
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_with_line_and_column() {
    insta::assert_snapshot!(problems(&[], "parallelism = 3\n[core]\nparallelism = \n").join("\n"), @"FILE:3:15: string values must be quoted, expected literal string");
}

#[test]
fn a_secret_can_stand_in_a_file_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let secret = home.path().join("url");
    std::fs::write(&secret, "postgres://u:p@h/d\n").unwrap();
    let resolved = resolve_in(home.path(), &[("FLOWCTL_DATABASE_URL_FILE", secret.to_str().unwrap())], "");
    assert_eq!(resolved.settings.database_url.as_deref(), Some("postgres://u:p@h/d"));
    assert_eq!(resolved.problems, []);
}

#[test]
fn a_list_is_written_as_one_or_with_commas_and_a_wrong_part_is_named() {
    let home = tempfile::tempdir().unwrap();
    let text = |file: &str| {
        let resolved = resolve_in(home.path(), &[], file);
        assert_eq!(resolved.problems, []);
        resolved.list.into_iter().find(|setting| setting.key.name == "webserver.trusted_proxies").unwrap().text
    };
    assert_eq!(text(""), None);
    for list in [r#"["10.0.0.0/8", "::1"]"#, r#""10.0.0.0/8, ::1""#] {
        assert_eq!(text(&format!("[webserver]\ntrusted_proxies = {list}\n")).as_deref(), Some("10.0.0.0/8, ::1"));
    }
    insta::assert_snapshot!(
        problems(
            &[("FLOWCTL_WEBSERVER__TRUSTED_PROXIES", "127.0.0.1, nginx")],
            "[webserver]\ntrusted_proxies = [\"127.0.0.1\"]\n[oidc]\nroles = [\"cn=a,dc=b=admin\"]\n"
        )
        .join("\n"),
        @r"
    FILE:4:1: `oidc.roles` takes one value, not a list with a comma in one of its parts
    FLOWCTL_WEBSERVER__TRUSTED_PROXIES: `webserver.trusted_proxies` takes IP addresses and networks, separated by commas: `127.0.0.1, nginx` is not that: `nginx` is neither an IP address nor a network; write for example `127.0.0.1, 10.0.0.0/8, fd00::/8`
    "
    );
}

#[test]
fn relative_paths_of_the_file_are_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let resolved = resolve_in(home.path(), &[], "[core]\ndags_folder = \"mine\"\n");
    assert_eq!(resolved.settings.dags_folder, home.path().canonicalize().unwrap().join("mine"));
}

#[test]
fn sizes_and_durations_are_read_in_every_notation() {
    let read = |text: &str| super::value::size(text).ok();
    assert_eq!(read("48KiB"), Some(49_152));
    assert_eq!(read("48 KiB"), Some(49_152));
    assert_eq!(read("1MB"), Some(1_000_000));
    assert_eq!(read("512"), Some(512));
    for text in ["", "0", "-1", "1.5MB", "MB", "99999999999999999999", "1TB"] {
        assert_eq!(read(text), None, "{text}");
    }
    assert_eq!(super::value::duration("1m30s").unwrap().as_secs(), 90);
}

#[test]
fn the_documentation_lists_the_keys_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (start, end) =
        ("<!-- keys: written by `UPDATE_DOCS=1 cargo nextest run -p cli documentation` -->\n", "<!-- end of keys -->");
    let (before, rest) = text.split_once(start).expect("the start mark");
    let (written, after) = rest.split_once(end).expect("the end mark");
    let expected = page::keys_as_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{start}{expected}\n{end}{after}")).unwrap();
        return;
    }
    assert_eq!(written.trim(), expected.trim(), "run UPDATE_DOCS=1 cargo nextest run -p cli documentation");
}

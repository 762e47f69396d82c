//! The table of settings. Reading, `flowctl config` and docs/configuration.md follow from it, so a key that is here
//! does something, and one that is not here is refused.

use std::path::Path;

use scheduler::notifier::MailTls;

use super::settings::{LogFormat, Settings};
use super::value::{self, Wrong};

/// One setting.
pub(crate) struct Key {
    /// `section.name`.
    pub name: &'static str,
    /// What it takes, for people.
    pub takes: &'static str,
    /// Its value when nobody sets it, as one would write it; none: it is unset then.
    pub default: Option<&'static str>,
    /// Parts separated by commas: the file may have them as a list.
    pub is_list: bool,
    /// Never shown.
    pub is_secret: bool,
    /// A second, shorter environment variable.
    pub short_variable: Option<&'static str>,
    /// What it does, one sentence or two.
    pub doc: &'static str,
    /// Reads a text into the settings; relative paths are below the folder given.
    pub set: fn(&mut Settings, &str, &Path) -> Result<(), Wrong>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Key {
    /// `FLOWCTL_SECTION__NAME`.
    pub(crate) fn variable(&self) -> String {
        format!("FLOWCTL_{}", self.name.replace('.', "__").to_ascii_uppercase())
    }
}

const fn key(
    name: &'static str,
    takes: &'static str,
    default: Option<&'static str>,
    set: fn(&mut Settings, &str, &Path) -> Result<(), Wrong>,
    doc: &'static str,
) -> Key {
    Key { name, takes, default, is_list: false, is_secret: false, short_variable: None, doc, set }
}

/// Every setting, by section.
pub(crate) const KEYS: &[Key] = &[
    Key {
        short_variable: Some("FLOWCTL_DAGS_FOLDER"),
        ..key(
            "core.dags_folder",
            "a path",
            Some("$FLOWCTL_HOME/dags"),
            |settings, text, base| {
                value::path(text, &settings.home.clone(), base).map(|path| settings.dags_folder = path)
            },
            "Where DAG files are looked for, at any depth. Python modules and scripts are found beside the file that names them.",
        )
    },
    key(
        "core.default_timezone",
        "an IANA time zone",
        Some("UTC"),
        |settings, text, _| value::zone(text).map(|zone| settings.default_timezone = zone),
        "The time zone of DAG files that do not say `timezone`: cron, days and naive dates are read in it.",
    ),
    key(
        "core.parallelism",
        "a number from 1",
        Some("32"),
        |settings, text, _| value::count(text).map(|count| settings.limits.parallelism = count),
        "How many task instances may hold a slot at once, over all DAGs.",
    ),
    key(
        "core.max_active_runs_per_dag",
        "a number from 1",
        Some("16"),
        |settings, text, _| value::count(text).map(|count| settings.limits.max_active_runs_per_dag = count),
        "How many runs of one DAG may run at once, for DAG files that do not say `max_active_runs`.",
    ),
    key(
        "core.max_active_tasks_per_dag",
        "a number from 1",
        Some("16"),
        |settings, text, _| value::count(text).map(|count| settings.limits.max_active_tasks_per_dag = count),
        "How many task instances of one run may hold a slot at once, for DAG files that do not say `max_active_tasks`.",
    ),
    key(
        "core.max_map_length",
        "a number from 1",
        Some("1024"),
        |settings, text, _| value::count(text).map(|count| settings.limits.max_map_length = count),
        "How many elements a mapping (`expand`) may have; a longer one fails.",
    ),
    key(
        "core.dags_are_paused_at_creation",
        "true or false",
        Some("false"),
        |settings, text, _| value::flag(text).map(|flag| settings.dags_are_paused_at_creation = flag),
        "Whether a new DAG starts paused, unless its file says `is_paused_upon_creation`.",
    ),
    key(
        "core.killed_task_cleanup_time",
        "a duration",
        Some("60s"),
        |settings, text, _| value::duration(text).map(|length| settings.killed_task_cleanup_time = length),
        "How long a task that is being stopped has between SIGTERM and SIGKILL.",
    ),
    key(
        "core.xcom_max_size",
        "a size",
        Some("48KiB"),
        |settings, text, _| value::size(text).map(|size| settings.xcom_max_size = size),
        "The greatest XCom, in bytes of JSON. A task that pushes a greater one fails.",
    ),
    Key {
        is_secret: true,
        short_variable: Some("FLOWCTL_DATABASE_URL"),
        ..key(
            "database.url",
            "a `postgres://` URL",
            None,
            |settings, text, _| value::database_url(text).map(|url| settings.database_url = Some(url)),
            "The metadata database. `flowctl standalone` starts one of its own when this is not set; all other services need it.",
        )
    },
    key(
        "database.connect_timeout",
        "a duration",
        Some("30s"),
        |settings, text, _| value::duration(text).map(|length| settings.database_connect_timeout = length),
        "How long a service that starts waits for a database that does not answer, before it gives up.",
    ),
    key(
        "webserver.bind",
        "an IP address and a port",
        Some("127.0.0.1:8080"),
        |settings, text, _| value::address(text).map(|address| settings.bind = address),
        "Where the web server listens. Port 0 takes a free one.",
    ),
    key(
        "webserver.base_url",
        "an http:// or https:// URL",
        None,
        |settings, text, _| value::url(text).map(|url| settings.base_url = Some(url)),
        "Where people reach the web server; messages link to its pages. Unset: `http://` and webserver.bind.",
    ),
    Key {
        is_list: true,
        ..key(
            "webserver.trusted_proxies",
            "IP addresses and networks, separated by commas",
            None,
            |settings, text, _| value::proxies(text).map(|proxies| settings.trusted_proxies = proxies),
            "The reverse proxies in front of the web server. Where one of them says in `X-Forwarded-For` whom it got a request from, that is the address in the audit log and the one that failed logins are counted by. Unset: nobody is believed.",
        )
    },
    key(
        "oidc.issuer",
        "an `https://` address",
        None,
        |settings, text, _| {
            settings.oidc.issuer = Some(text.to_owned());
            Ok(())
        },
        "The identity provider through which people log in, over OpenID Connect. Needs `oidc.client_id` and `webserver.base_url`; the provider must know `{base_url}/login/oidc/callback`. Unset: local accounts only.",
    ),
    key(
        "oidc.client_id",
        "a text",
        None,
        |settings, text, _| {
            settings.oidc.client_id = Some(text.to_owned());
            Ok(())
        },
        "What the provider calls flowctl.",
    ),
    Key {
        is_secret: true,
        ..key(
            "oidc.client_secret",
            "a text",
            None,
            |settings, text, _| {
                settings.oidc.client_secret = Some(text.to_owned());
                Ok(())
            },
            "What the provider knows flowctl by. Unset: PKCE alone.",
        )
    },
    key(
        "oidc.scopes",
        "words, separated by spaces",
        Some("profile email"),
        |settings, text, _| {
            settings.oidc.scopes = text.split_whitespace().map(str::to_owned).collect();
            Ok(())
        },
        "What is asked for beside `openid`. Many providers need `groups` here.",
    ),
    key(
        "oidc.username_claim",
        "the name of a claim",
        Some("preferred_username"),
        |settings, text, _| {
            text.clone_into(&mut settings.oidc.username_claim);
            Ok(())
        },
        "Which claim is the name of the account. People who can choose its value could take a name that somebody else had.",
    ),
    key(
        "oidc.groups_claim",
        "the name of a claim",
        Some("groups"),
        |settings, text, _| {
            text.clone_into(&mut settings.oidc.groups_claim);
            Ok(())
        },
        "Which claim lists the groups, in the ID token or the userinfo.",
    ),
    Key {
        is_list: true,
        ..key(
            "oidc.roles",
            "`group=role`, separated by commas",
            None,
            |settings, text, _| value::pairs(text).map(|roles| settings.oidc.roles = roles),
            "The role that a group gives, renewed at each login. The first group of the list that somebody is in counts.",
        )
    },
    key(
        "oidc.default_role",
        "a role",
        None,
        |settings, text, _| {
            settings.oidc.default_role = Some(text.to_owned());
            Ok(())
        },
        "The role of those who are in none of these groups. Unset: they are not let in.",
    ),
    key(
        "oidc.label",
        "a text",
        Some("single sign-on"),
        |settings, text, _| {
            text.clone_into(&mut settings.oidc.label);
            Ok(())
        },
        "What the button on the login page calls the provider.",
    ),
    key(
        "notifications.smtp_host",
        "a host name or an IP address",
        None,
        |settings, text, _| {
            settings.mail.host = Some(text.to_owned());
            Ok(())
        },
        "The mail server that `email` messages are handed to. Unset: they are refused, and the log of each callback says so.",
    ),
    key(
        "notifications.smtp_port",
        "a port",
        None,
        |settings, text, _| value::port(text).map(|port| settings.mail.port = Some(port)),
        "Its port. Unset: 587, or 465 with `smtp_tls = \"tls\"`, or 25 with `smtp_tls = \"none\"`.",
    ),
    key(
        "notifications.smtp_tls",
        "starttls, tls or none",
        Some("starttls"),
        |settings, text, _| {
            settings.mail.tls = match text {
                "starttls" => MailTls::StartTls,
                "tls" => MailTls::Tls,
                "none" => MailTls::None,
                _ => return Err(Wrong::new("neither `starttls` nor `tls` nor `none`")),
            };
            Ok(())
        },
        "How the connection to it is kept secret. `none` is for a server on the same machine.",
    ),
    key(
        "notifications.smtp_user",
        "a text",
        None,
        |settings, text, _| {
            settings.mail.user = Some(text.to_owned());
            Ok(())
        },
        "Who logs in to it. Unset: nobody does.",
    ),
    Key {
        is_secret: true,
        ..key(
            "notifications.smtp_password",
            "a text",
            None,
            |settings, text, _| {
                settings.mail.password = Some(text.to_owned());
                Ok(())
            },
            "The password of notifications.smtp_user.",
        )
    },
    key(
        "notifications.smtp_from",
        "an e-mail address, such as `flowctl <flowctl@example.com>`",
        None,
        |settings, text, _| {
            settings.mail.from = Some(text.to_owned());
            Ok(())
        },
        "Whom e-mails come from. Unset: `flowctl@` and the name of this host.",
    ),
    key(
        "worker.max_log_bytes",
        "a size",
        Some("256MiB"),
        |settings, text, _| value::size(text).map(|size| settings.max_log_bytes = size),
        "The greatest log of one attempt. What follows is dropped, with one line that says so; the task goes on.",
    ),
    Key {
        is_list: true,
        is_secret: true,
        short_variable: Some("FLOWCTL_FERNET_KEY"),
        ..key(
            "secrets.fernet_key",
            "Fernet keys, separated by commas",
            None,
            |settings, text, _| {
                value::keys(text).map(|keys| settings.keys = Some(keys).filter(|keys| !keys.is_empty()))
            },
            "What variables and connections are encrypted with: the first key encrypts, all decrypt. If it is not set, the key in `fernet.key` of the home; `flowctl standalone` makes that on its first start.",
        )
    },
    Key {
        short_variable: Some("FLOWCTL_SECRETS_DIR"),
        ..key(
            "secrets.directory",
            "a path",
            None,
            |settings, text, base| {
                value::path(text, &settings.home.clone(), base).map(|path| settings.secrets_folder = Some(path))
            },
            "A folder with a file for each variable (`variables/KEY`) and connection (`connections/ID`), as Kubernetes mounts secrets.",
        )
    },
    key(
        "secrets.vault_url",
        "an `http://` or `https://` address",
        None,
        |settings, text, _| value::web_address(text).map(|url| settings.vault_url = Some(url)),
        "A HashiCorp Vault whose key/value engine (version 2) has variables and connections.",
    ),
    Key {
        is_secret: true,
        ..key(
            "secrets.vault_token",
            "a token",
            None,
            |settings, text, _| {
                settings.vault_token = Some(text.to_owned());
                Ok(())
            },
            "What lets us into the Vault.",
        )
    },
    key(
        "secrets.vault_mount",
        "a path in Vault",
        Some("secret"),
        |settings, text, _| {
            text.clone_into(&mut settings.vault_mount);
            Ok(())
        },
        "Where the engine is mounted.",
    ),
    key(
        "secrets.vault_path",
        "a path in Vault",
        Some("/"),
        |settings, text, _| {
            text.clone_into(&mut settings.vault_path);
            Ok(())
        },
        "What stands before `variables/KEY` and `connections/ID` there.",
    ),
    key(
        "logging.level",
        "trace, debug, info, warn, error, or directives such as `warn,scheduler=debug`",
        Some("warn,scheduler=info"),
        |settings, text, _| value::filter(text).map(|filter| settings.log_filter = filter),
        "What flowctl says of itself on standard error.",
    ),
    key(
        "logging.format",
        "text or json",
        Some("text"),
        |settings, text, _| {
            settings.log_format = match text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err(Wrong::new("neither `text` nor `json`")),
            };
            Ok(())
        },
        "How it says it: for people, or one JSON object a line.",
    ),
];

/// Keys of the contract whose features come later: their names are taken.
pub(crate) const NOT_YET: &[&str] = &[];

/// Sections of the contract that have no key yet.
pub(crate) const SECTIONS_NOT_YET: &[&str] = &["scheduler", "executor", "auth", "metrics", "retention"];

/// The key with this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What to say of a name that is not in the table.
pub(crate) fn refuse(name: &str) -> String {
    let section = name.split('.').next().unwrap_or(name);
    if NOT_YET.contains(&name) || SECTIONS_NOT_YET.contains(&section) {
        return format!("`{name}` is not supported yet");
    }
    match nearest(name) {
        Some(key) => format!("unknown key `{name}`; did you mean `{key}`?"),
        None => format!("unknown key `{name}`; `flowctl config list` shows all"),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |key: &'static Key| {
        let whole = strsim::damerau_levenshtein(name, key.name);
        // The right name in the wrong section is near too.
        let is_misplaced = strsim::damerau_levenshtein(&last(name), &last(key.name)) <= 1;
        if is_misplaced { whole.min(1) } else { whole }
    };
    let (distance, key) = KEYS.iter().map(|key| (distance(key), key.name)).min()?;
    (distance <= name.chars().count() / 3 + 1).then_some(key)
}

//! The settings in force, typed.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use model::callback::Links;
use model::dag_file::Defaults;
use model::limits::Limits;
use scheduler::notifier::{MailSettings, MailTls, NotificationSettings};
use secrets::{Places, VaultSettings};
use store::Keyring;
use webserver::TrustedProxies;
use webserver::oidc::OidcSettings;
use webserver::pages::ShownSetting;
use worker::WorkerConfig;

/// How flowctl's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The mail server, as far as it is said.
#[derive(Clone)]
pub(crate) struct Mail {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub tls: MailTls,
    pub user: Option<String>,
    pub password: Option<String>,
    pub from: Option<String>,
}

impl Default for Mail {
    fn default() -> Self {
        Self { host: None, port: None, tls: MailTls::StartTls, user: None, password: None, from: None }
    }
}

/// The identity provider, as far as it is said.
#[derive(Clone, Default)]
pub(crate) struct IdentityProvider {
    pub issuer: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub scopes: Vec<String>,
    pub username_claim: String,
    pub groups_claim: String,
    pub roles: Vec<(String, String)>,
    pub default_role: Option<String>,
    pub label: String,
}

/// The settings in force. The fields are those of the table of keys.
#[derive(Clone)]
pub(crate) struct Settings {
    pub home: PathBuf,
    pub dags_folder: PathBuf,
    pub default_timezone: String,
    pub limits: Limits,
    pub dags_are_paused_at_creation: bool,
    pub killed_task_cleanup_time: Duration,
    pub xcom_max_size: u64,
    pub max_log_bytes: u64,
    pub database_url: Option<String>,
    pub database_connect_timeout: Duration,
    pub bind: SocketAddr,
    pub base_url: Option<String>,
    pub trusted_proxies: TrustedProxies,
    pub mail: Mail,
    pub oidc: IdentityProvider,
    pub keys: Option<Keyring>,
    pub secrets_folder: Option<PathBuf>,
    pub vault_url: Option<String>,
    pub vault_token: Option<String>,
    pub vault_mount: String,
    pub vault_path: String,
    pub log_filter: String,
    pub log_format: LogFormat,
    /// All of them, as people may see them.
    pub shown: Vec<ShownSetting>,
}

/// The file of the home with the key that was made for it.
const KEY_FILE: &str = "fernet.key";

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the database's URL, which has a password in it.
        f.debug_struct("Settings").field("home", &self.home).field("bind", &self.bind).finish_non_exhaustive()
    }
}

impl Settings {
    /// Nothing set yet: each key of the table is set next, its default at least.
    pub(super) fn blank(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            dags_folder: PathBuf::new(),
            default_timezone: String::new(),
            limits: Limits::default(),
            dags_are_paused_at_creation: false,
            killed_task_cleanup_time: Duration::ZERO,
            xcom_max_size: 0,
            max_log_bytes: 0,
            database_url: None,
            database_connect_timeout: Duration::ZERO,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            base_url: None,
            trusted_proxies: TrustedProxies::default(),
            mail: Mail::default(),
            oidc: IdentityProvider::default(),
            keys: None,
            secrets_folder: None,
            vault_url: None,
            vault_token: None,
            vault_mount: String::new(),
            vault_path: String::new(),
            log_filter: String::new(),
            log_format: LogFormat::Text,
            shown: Vec::new(),
        }
    }

    /// How messages are sent.
    pub(crate) fn notifications(&self) -> NotificationSettings {
        let base_url = self.base_url.clone().unwrap_or_else(|| match self.bind.ip() {
            // All addresses are none that somebody could open.
            ip if ip.is_unspecified() => format!("http://{}:{}", crate::services::hostname(), self.bind.port()),
            _ => format!("http://{}", self.bind),
        });
        let mail = self.mail.host.clone().map(|host| MailSettings {
            host,
            port: self.mail.port.unwrap_or_else(|| self.mail.tls.port()),
            tls: self.mail.tls,
            credentials: self.mail.user.clone().map(|user| (user, self.mail.password.clone().unwrap_or_default())),
            from: self.mail.from.clone().unwrap_or_else(|| format!("flowctl@{}", crate::services::hostname())),
        });
        NotificationSettings { mail, links: Links { base_url: Some(base_url) } }
    }

    /// How people log in, beside their passwords.
    pub(crate) fn oidc(&self) -> anyhow::Result<Option<OidcSettings>> {
        let IdentityProvider { issuer, client_id, .. } = &self.oidc;
        let Some(issuer) = issuer else { return Ok(None) };
        let Some(client_id) = client_id else { bail!("oidc.issuer is set, and oidc.client_id is not") };
        let Some(base_url) = &self.base_url else {
            bail!("oidc.issuer is set, and webserver.base_url is not: the provider sends people back there")
        };
        let provider = self.oidc.clone();
        Ok(Some(OidcSettings {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: provider.client_secret,
            base_url: base_url.clone(),
            scopes: provider.scopes,
            username_claim: provider.username_claim,
            groups_claim: provider.groups_claim,
            roles: provider.roles,
            default_role: provider.default_role,
            label: provider.label,
        }))
    }

    /// What DAG files that do not say mean.
    pub(crate) fn dag_defaults(&self) -> Defaults {
        Defaults { timezone: self.default_timezone.clone() }
    }

    /// How attempts are run under this home.
    pub(crate) fn worker(&self) -> WorkerConfig {
        WorkerConfig {
            killed_task_cleanup_time: self.killed_task_cleanup_time,
            xcom_max_size: usize::try_from(self.xcom_max_size).unwrap_or(usize::MAX),
            max_log_bytes: self.max_log_bytes,
            ..WorkerConfig::new(&self.home)
        }
    }

    /// What secrets are encrypted with: the keys that are set, else that of the home, else none.
    pub(crate) fn keyring(&self) -> anyhow::Result<Keyring> {
        if let Some(keys) = &self.keys {
            return Ok(keys.clone());
        }
        let path = self.home.join(KEY_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => text.parse().with_context(|| format!("{} cannot be used", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Keyring::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Makes the home's key unless keys are set, or it has one already.
    pub(crate) fn make_key(&self) -> anyhow::Result<()> {
        let path = self.home.join(KEY_FILE);
        if self.keys.is_some() || path.exists() {
            return Ok(());
        }
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.and_then(|mut file| file.write_all((Keyring::generate() + "\n").as_bytes()))
            .with_context(|| format!("the key for secrets cannot be written to {}", path.display()))
    }

    /// Where variables and connections are, beside the database.
    pub(crate) fn places(&self) -> anyhow::Result<Places> {
        let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let environment = texts.map(|(name, value)| (name, value.to_string_lossy().into_owned())).collect();
        let vault = match (&self.vault_url, &self.vault_token) {
            (None, _) => None,
            (Some(_), None) => bail!("secrets.vault_url is set, and secrets.vault_token is not"),
            (Some(url), Some(token)) => Some(VaultSettings {
                url: url.clone(),
                token: token.clone(),
                mount: self.vault_mount.clone(),
                path: self.vault_path.clone(),
            }),
        };
        Ok(Places { environment, folder: self.secrets_folder.clone(), vault })
    }

    /// The database of a deployment; an error that says how to name one.
    pub(crate) fn required_database(&self) -> anyhow::Result<&str> {
        let Some(url) = &self.database_url else {
            bail!(
                "no database is named: set FLOWCTL_DATABASE_URL or database.url to a `postgres://` URL \
                 (`flowctl standalone` needs none, it has its own)"
            )
        };
        Ok(url)
    }

    /// Starts flowctl's own log, on standard error.
    pub(crate) fn start_log(&self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(&self.log_filter))
            .with_writer(std::io::stderr);
        // The first one wins when a process starts it twice, which only tests do.
        let _ = match self.log_format {
            LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
    }
}

//! Where each setting comes from: flag, environment, file, default, in this order.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use webserver::pages::ShownSetting;

use super::file::{self, Entry};
use super::key::{self, KEYS, Key};
use super::{Problem, Settings};

/// What the settings are read from. Everything that a test wants to choose is here.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// `--home`.
    pub home: Option<&'a Path>,
    /// `--config`.
    pub config: Option<&'a Path>,
    /// Keys that other flags set: key, flag, value.
    pub flags: &'a [(&'static str, &'static str, String)],
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The user's home directory.
    pub user_home: Option<PathBuf>,
    /// Where relative paths of flags and variables start.
    pub here: &'a Path,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This flag.
    Flag(&'static str),
    /// This variable.
    Environment(String),
    /// This place of the file.
    File(String),
    /// The table of keys.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(variable) => f.write_str(variable),
            Self::File(place) => f.write_str(place),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Which.
    pub key: &'static Key,
    /// Its value as it is written; none: it is not set.
    pub text: Option<String>,
    /// Where that stands.
    pub origin: Origin,
}

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The settings; what was wrong has its default.
    pub settings: Settings,
    /// Each key of the table, in its order.
    pub list: Vec<Setting>,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Variables with two underscores that are no settings do not begin like this.
const PREFIX: &str = "FLOWCTL_";

/// Reads everything. Fails only when the home is not known or the named file cannot be read.
pub(crate) fn resolve(source: &Source<'_>) -> anyhow::Result<Resolved> {
    let variables: BTreeMap<String, String> = source
        .environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    let home = home(source, &variables)?;
    let (path, text) = config_file(source, &variables, &home)?;
    let base = path.as_deref().and_then(Path::parent).unwrap_or(source.here).to_owned();
    let (entries, mut problems) = match (&path, &text) {
        (Some(path), Some(text)) => file::read(text, &path.display().to_string()),
        _ => Default::default(),
    };
    problems.extend(
        entries
            .iter()
            .filter(|entry| key::find(&entry.name).is_none())
            .map(|entry| Problem { place: entry.place.clone(), message: key::refuse(&entry.name) }),
    );
    problems.extend(unknown_variables(&variables));

    let mut settings = Settings::blank(&home);
    let mut list = Vec::with_capacity(KEYS.len());
    for key in KEYS {
        let found = look_up(key, source, &variables, &entries, &mut problems);
        let (mut text, mut origin) = (found.0, found.1);
        if let Some(value) = &text {
            let base = if matches!(origin, Origin::File(_)) { base.as_path() } else { source.here };
            if let Err(wrong) = (key.set)(&mut settings, value, base) {
                let place = origin.to_string();
                let shown = if key.is_secret { "the value".to_owned() } else { format!("`{value}`") };
                problems.push(Problem {
                    place,
                    message: format!("`{}` takes {}: {shown} is {}", key.name, key.takes, wrong.0),
                });
                (text, origin) = (None, Origin::Default);
            }
        }
        if text.is_none()
            && let Some(default) = key.default
        {
            // A test reads every default.
            let _ = (key.set)(&mut settings, default, &home);
            text = Some(default.to_owned());
        }
        list.push(Setting { key, text, origin });
    }
    settings.shown = list.iter().map(shown).collect();
    Ok(Resolved { settings, list, file: text.and(path), problems })
}

/// A setting as people may see it, in Airflow's words.
fn shown(setting: &Setting) -> ShownSetting {
    let (section, option) = setting.key.name.split_once('.').unwrap_or(("", setting.key.name));
    let value = match &setting.text {
        Some(_) if setting.key.is_secret => "< hidden >".to_owned(),
        text => text.clone().unwrap_or_default(),
    };
    ShownSetting { section: section.to_owned(), option: option.to_owned(), value }
}

fn home(source: &Source<'_>, variables: &BTreeMap<String, String>) -> anyhow::Result<PathBuf> {
    let named = source.home.map(Path::to_owned).or_else(|| variables.get("FLOWCTL_HOME").map(PathBuf::from));
    let home = match (named, &source.user_home) {
        (Some(home), _) => source.here.join(home),
        (None, Some(user)) => user.join(".flowctl"),
        (None, None) => bail!("there is no home directory: name one with --home or FLOWCTL_HOME"),
    };
    Ok(home.canonicalize().unwrap_or(home))
}

fn config_file(
    source: &Source<'_>,
    variables: &BTreeMap<String, String>,
    home: &Path,
) -> anyhow::Result<(Option<PathBuf>, Option<String>)> {
    let named = source.config.map(Path::to_owned).or_else(|| variables.get("FLOWCTL_CONFIG").map(PathBuf::from));
    let path = named.as_ref().map_or_else(|| home.join("flowctl.toml"), |named| source.here.join(named));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((Some(path), Some(text))),
        Err(error) if named.is_none() && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok((None, None))
        }
        Err(error) => Err(error).with_context(|| format!("the configuration file {} cannot be read", path.display())),
    }
}

fn look_up(
    key: &'static Key,
    source: &Source<'_>,
    variables: &BTreeMap<String, String>,
    entries: &[Entry],
    problems: &mut Vec<Problem>,
) -> (Option<String>, Origin) {
    if let Some((_, flag, value)) = source.flags.iter().find(|(name, ..)| *name == key.name) {
        return (Some(value.clone()), Origin::Flag(flag));
    }
    for variable in [Some(key.variable()), key.short_variable.map(str::to_owned)].into_iter().flatten() {
        if let Some(value) = variables.get(&variable) {
            return (Some(value.clone()), Origin::Environment(variable));
        }
        let variable = format!("{variable}_FILE");
        if let Some(path) = variables.get(&variable) {
            match std::fs::read_to_string(source.here.join(path)) {
                Ok(text) => return (Some(text.trim_end().to_owned()), Origin::Environment(variable)),
                Err(error) => problems.push(Problem {
                    place: variable,
                    message: format!("the file {path} with `{}` cannot be read: {error}", key.name),
                }),
            }
        }
    }
    match entries.iter().find(|entry| entry.name == key.name) {
        Some(entry) => (Some(entry.text.clone()), Origin::File(entry.place.clone())),
        None => (None, Origin::Default),
    }
}

/// Variables that look like settings and are none. Others that begin with FLOWCTL_ belong to commands and tasks.
fn unknown_variables(variables: &BTreeMap<String, String>) -> impl Iterator<Item = Problem> {
    let names = variables.keys().filter(|name| name.contains("__") && !model::mask::is_secret_variable(name));
    names.filter_map(|variable| {
        let name = variable.strip_prefix(PREFIX)?.replacen("__", ".", 1).to_ascii_lowercase();
        let is_known =
            key::find(&name).is_some() || name.strip_suffix("_file").is_some_and(|name| key::find(name).is_some());
        (!is_known).then(|| Problem { place: variable.clone(), message: key::refuse(&name) })
    })
}

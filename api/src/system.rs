//! `/jobs`, `/config`, `/plugins`, `/providers`, links of task instances.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A part of a process of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// A number.
    pub id: i64,
    /// Always null.
    pub dag_id: Option<String>,
    /// running, success (it stopped in good order) or failed (nothing was heard of it for 30 s).
    pub state: Option<String>,
    /// `SchedulerJob`, `TriggererJob` or `DagProcessorJob`.
    pub job_type: Option<String>,
    /// When the process started.
    pub start_date: Option<Timestamp>,
    /// When it stopped.
    pub end_date: Option<Timestamp>,
    /// When it was last heard of.
    pub latest_heartbeat: Option<Timestamp>,
    /// Of a scheduler: `LocalExecutor`.
    pub executor_class: Option<String>,
    /// Its machine.
    pub hostname: Option<String>,
    /// Always null.
    pub unixname: Option<String>,
    /// Always null.
    pub dag_display_name: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCollection {
    /// The entries.
    pub jobs: Vec<Job>,
    /// On all pages.
    pub total_entries: u64,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigOption {
    /// Its name within the section.
    pub key: String,
    /// As it is written; empty when it is not set; `< hidden >` for a secret.
    pub value: String,
}

/// Settings under one heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigSection {
    /// The heading.
    pub name: String,
    /// The settings.
    pub options: Vec<ConfigOption>,
}

/// The settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Config {
    /// By section.
    pub sections: Vec<ConfigSection>,
}

/// A plugin. flowctl has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Airflow's.
    pub macros: Vec<String>,
    /// Airflow's.
    pub flask_blueprints: Vec<String>,
    /// Airflow's.
    pub fastapi_apps: Vec<Value>,
    /// Airflow's.
    pub fastapi_root_middlewares: Vec<Value>,
    /// Airflow's.
    pub external_views: Vec<Value>,
    /// Airflow's.
    pub react_apps: Vec<Value>,
    /// Airflow's.
    pub appbuilder_views: Vec<Value>,
    /// Airflow's.
    pub appbuilder_menu_items: Vec<Value>,
    /// Airflow's.
    pub global_operator_extra_links: Vec<String>,
    /// Airflow's.
    pub operator_extra_links: Vec<String>,
    /// Where it comes from.
    pub source: String,
    /// Airflow's.
    pub listeners: Vec<String>,
    /// Airflow's.
    pub timetables: Vec<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginCollection {
    /// Always empty.
    pub plugins: Vec<Plugin>,
    /// Always 0.
    pub total_entries: u64,
}

/// A plugin that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginImportError {
    /// Its file.
    pub source: String,
    /// Why.
    pub error: String,
}

/// Plugins that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginImportErrorCollection {
    /// Always empty.
    pub import_errors: Vec<PluginImportError>,
    /// Always 0.
    pub total_entries: u64,
}

/// What tasks and messages can be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// Always `flowctl`: all of it is built in.
    pub package_name: String,
    /// The operators and the channels of messages.
    pub description: String,
    /// flowctl's.
    pub version: String,
    /// Always null.
    pub documentation_url: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderCollection {
    /// The entries.
    pub providers: Vec<Provider>,
    /// On all pages.
    pub total_entries: u64,
}

/// Links that an operator gives its task instances. flowctl's give none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtraLinkCollection {
    /// Name → URL; always empty.
    pub extra_links: BTreeMap<String, Option<String>>,
    /// Always 0.
    pub total_entries: u64,
}

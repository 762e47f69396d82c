//! `/config`: the settings in force.

use std::fmt::Write;

use api::{Config, ConfigOption, ConfigSection, HttpError};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use crate::pages::ShownSetting;

/// Which settings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ConfigQuery {
    /// Of this section.
    section: Option<String>,
}

/// The settings of the web server's process; secrets are hidden. For ops and admins.
#[utoipa::path(get, path = "/config", tag = "Config", params(ConfigQuery),
    responses((status = 200, content((Config = "application/json"), (String = "text/plain"))),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 406, body = HttpError)))]
pub(super) async fn get_config(
    State(api): State<Api>,
    Query(query): Query<ConfigQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let is_text = wants_text(&headers)?;
    let config = config(&api.settings, |setting| query.section.as_ref().is_none_or(|name| *name == setting.section));
    match (query.section, config.sections.is_empty()) {
        (Some(section), true) => Err(ApiError::not_found(format!("Section {section} not found."))),
        _ => Ok(answer(config, is_text)),
    }
}

/// One setting.
#[utoipa::path(get, path = "/config/section/{section}/option/{option}", tag = "Config",
    params(("section" = String, Path), ("option" = String, Path)),
    responses((status = 200, content((Config = "application/json"), (String = "text/plain"))),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 406, body = HttpError)))]
pub(super) async fn get_config_value(
    State(api): State<Api>,
    Path((section, option)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let is_text = wants_text(&headers)?;
    let config = config(&api.settings, |setting| setting.section == section && setting.option == option);
    if config.sections.is_empty() {
        return Err(ApiError::not_found(format!("Option [{section}/{option}] not found.")));
    }
    Ok(answer(config, is_text))
}

fn config(settings: &[ShownSetting], is_meant: impl Fn(&ShownSetting) -> bool) -> Config {
    let mut sections: Vec<ConfigSection> = Vec::new();
    for setting in settings.iter().filter(|setting| is_meant(setting)) {
        let option = ConfigOption { key: setting.option.clone(), value: setting.value.clone() };
        match sections.iter_mut().find(|section| section.name == setting.section) {
            Some(section) => section.options.push(option),
            None => sections.push(ConfigSection { name: setting.section.clone(), options: vec![option] }),
        }
    }
    Config { sections }
}

/// Airflow's rule: by how the header begins.
fn wants_text(headers: &HeaderMap) -> ApiResult<bool> {
    let accept = headers.get(header::ACCEPT).map_or("*/*", |accept| accept.to_str().unwrap_or_default());
    if accept.starts_with("text/plain") {
        return Ok(true);
    }
    if accept.starts_with("*/*") || accept.starts_with("application/json") {
        return Ok(false);
    }
    Err(ApiError::not_acceptable("Only application/json or text/plain is supported"))
}

fn answer(config: Config, is_text: bool) -> Response {
    if is_text {
        return ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], as_text(&config)).into_response();
    }
    Json(config).into_response()
}

/// As in a file of Airflow's.
fn as_text(config: &Config) -> String {
    let mut text = String::new();
    for section in &config.sections {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}[{}]", section.name);
        for option in &section.options {
            let _ = writeln!(text, "{} = {}", option.key, option.value);
        }
    }
    text
}

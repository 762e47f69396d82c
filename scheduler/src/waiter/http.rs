//! Whether an HTTP server answers as expected.

use model::connection::Connection;
use model::operator::is_true;
use model::wait::HttpRequest;
use serde_json::{Map, Value, json};

use super::{Outside, Seen};

/// How much of an answer `expect` may look at.
const MAX_BODY: usize = 1024 * 1024;

/// What Airflow's HTTP hook reads from `extra` itself.
const OPTIONS: [&str; 11] = [
    "allow_redirects",
    "auth_type",
    "cert",
    "check_response",
    "max_redirects",
    "proxies",
    "proxy",
    "stream",
    "timeout",
    "trust_env",
    "verify",
];

pub(super) async fn look(outside: &Outside, request: &HttpRequest) -> Seen {
    let Ok(method) = request.method.parse::<reqwest::Method>() else {
        return Seen::failed_for_good(format!("`{}` is not a method", request.method));
    };
    let client = match outside.http() {
        Ok(client) => client,
        Err(reason) => return Seen::failed(reason),
    };
    let mut building = match &request.conn_id {
        None => client.request(method, &request.url),
        Some(conn_id) => match outside.on_connection(conn_id, &request.url).await {
            Ok((url, connection)) => authorized(client.request(method, url), &connection),
            Err(seen) => return seen,
        },
    };
    for (name, value) in &request.headers {
        building = building.header(name, value);
    }
    if let Some(body) = &request.body {
        building = building.body(body.clone());
    }
    match building.send().await {
        // A wrong address or header stays wrong.
        Err(error) if error.is_builder() => Seen::failed_for_good(crate::causes::with_causes(&error.without_url())),
        Err(error) => Seen::NotYet(format!("there is no answer: {}", crate::causes::with_causes(&error.without_url()))),
        Ok(response) => answered(request, response).await,
    }
}

/// As Airflow's HTTP hook: who logs in, and what of `extra` is no option of the hook is a header.
fn authorized(mut building: reqwest::RequestBuilder, connection: &Connection) -> reqwest::RequestBuilder {
    if let Some(login) = connection.login.as_deref().filter(|login| !login.is_empty()) {
        building = building.basic_auth(login, connection.password.as_deref());
    }
    for (name, value) in connection.extra_object() {
        if let Some(value) = value.as_str().filter(|_| !OPTIONS.contains(&name.as_str())) {
            building = building.header(name, value);
        }
    }
    building
}

async fn answered(request: &HttpRequest, response: reqwest::Response) -> Seen {
    let status = response.status();
    let Some(expect) = &request.expect else {
        let is_met = status.is_success();
        return if is_met { Seen::Met(Vec::new()) } else { Seen::NotYet(format!("it answered {status}")) };
    };
    let headers: Map<String, Value> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into()))
        .collect();
    let text = match body(response).await {
        Ok(text) => text,
        Err(reason) => return Seen::NotYet(format!("it answered {status}, but {reason}")),
    };
    let mut known = json!({"status": status.as_u16(), "headers": headers, "text": text});
    if let Ok(json) = serde_json::from_str::<Value>(&text) {
        known["json"] = json;
    }
    match model::template::render_over(expect, "response", &known) {
        Ok(value) if is_true(&value) => Seen::Met(Vec::new()),
        Ok(value) => Seen::NotYet(format!("it answered {status}, and `expect` is {value}")),
        Err(problem) => Seen::NotYet(format!("it answered {status}, and `expect` cannot be told: {problem}")),
    }
}

async fn body(mut response: reqwest::Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => return Err(format!("broke off: {}", crate::causes::with_causes(&error))),
        }
        if bytes.len() > MAX_BODY {
            return Err(format!("with more than {MAX_BODY} bytes"));
        }
    }
}

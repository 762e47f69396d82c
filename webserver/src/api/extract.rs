//! Queries and bodies, with refusals that name the place of what is wrong, as `FastAPI`'s do.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use model::state::UnknownName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::error::ApiError;

/// The parameters of a query. A list is a name that is repeated; names that nobody knows are ignored, as in Airflow.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = parts.uri.query().unwrap_or_default();
        // An empty value says nothing, as in Airflow's own pages: `?state=` is not a state. An empty cursor is the first.
        let pairs =
            form_urlencoded::parse(text.as_bytes()).filter(|(name, value)| !value.is_empty() || name == "cursor");
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let deserializer = serde_html_form::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(|error| wrong("query", &error))
    }
}

/// A body of JSON. Fields that nobody knows are refused, as in Airflow. No body at all is an empty object, where that
/// is enough.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_none_or(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().ends_with("json")));
        if !is_json {
            return Err(ApiError::unsupported_media_type());
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))?;
        json_body(&bytes).map(Self)
    }
}

/// Reads JSON; nothing is an empty object.
pub(super) fn json_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| match error.inner().classify() {
            serde_json::error::Category::Data => wrong("body", &error),
            _ => not_json(error.inner()),
        })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// Reads a form.
pub(super) fn form_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let deserializer = serde_html_form::Deserializer::new(form_urlencoded::parse(bytes));
    serde_path_to_error::deserialize(deserializer).map_err(|error| wrong("body", &error))
}

/// A truth value of a query, in all the spellings that Airflow takes.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(Some(true)),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(Some(false)),
        _ => Err(serde::de::Error::custom(format!("`{text}` is neither true nor false"))),
    }
}

/// Words of a query that must each be the name of a `T`, such as states.
pub(super) fn words<T>(name: &str, given: &[String]) -> Result<Vec<T>, ApiError>
where
    T: FromStr<Err = UnknownName>,
{
    let refused =
        |error: UnknownName| ApiError::unprocessable("enum", &[json!("query"), json!(name)], &error.to_string());
    given.iter().map(|word| word.parse().map_err(refused)).collect()
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::unprocessable(
        "json_invalid",
        &[json!("body"), json!(error.column())],
        &format!("JSON decode error: {error}"),
    )
}

/// Turns `invalid type: string "x", expected u32 at line 1 column 3` at `limit` into `FastAPI`'s form.
fn wrong<E: std::error::Error>(part: &str, error: &serde_path_to_error::Error<E>) -> ApiError {
    let message = error.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let mut place = vec![Value::from(part)];
    for segment in error.path() {
        match segment {
            serde_path_to_error::Segment::Seq { index } => place.push(Value::from(*index)),
            serde_path_to_error::Segment::Map { key } => place.push(Value::from(key.clone())),
            serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => {}
        }
    }
    let named = |start: &str| message.strip_prefix(start)?.split('`').next().map(str::to_owned);
    if let Some(name) = named("missing field `") {
        place.push(Value::from(name));
        return ApiError::unprocessable("missing", &place, "Field required");
    }
    if let Some(name) = named("unknown field `") {
        if place.last().and_then(Value::as_str) != Some(name.as_str()) {
            place.push(Value::from(name));
        }
        return ApiError::unprocessable(
            "extra_forbidden",
            &place,
            &format!("Extra inputs are not permitted: {message}"),
        );
    }
    ApiError::unprocessable("value_error", &place, message)
}

/// The parts of a path.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(problem)) => {
                Err(ApiError::unprocessable("value_error", &[json!("path")], &problem.body_text()))
            }
            Err(problem) => Err(ApiError::bad_request(problem.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Sent {
        a: u32,
        #[serde(default)]
        b: Vec<u32>,
    }

    async fn refusal(body: &str) -> Value {
        let response = json_body::<Sent>(body.as_bytes()).expect_err("a refusal").into_response();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")["detail"][0].clone()
    }

    #[tokio::test]
    async fn a_body_is_refused_with_the_place_of_what_is_wrong() {
        assert_eq!(refusal("{}").await, json!({"type": "missing", "loc": ["body", "a"], "msg": "Field required"}));
        let extra = refusal(r#"{"a": 1, "c": 2}"#).await;
        assert_eq!((&extra["type"], &extra["loc"]), (&json!("extra_forbidden"), &json!(["body", "c"])));
        let value = refusal(r#"{"a": 1, "b": [1, "x"]}"#).await;
        assert_eq!((&value["type"], &value["loc"]), (&json!("value_error"), &json!(["body", "b", 1])));
        assert_eq!(refusal("{").await["type"], "json_invalid");
        assert_eq!(refusal(r#"{"a": 1} x"#).await["type"], "json_invalid");
    }
}

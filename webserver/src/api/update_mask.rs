//! `update_mask`: which fields of a body count.

use serde::Deserialize;
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};

/// The mask of one change.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MaskQuery {
    /// Names of the fields that count; all that the body has if it is not given.
    #[serde(default)]
    pub(super) update_mask: Vec<String>,
}

/// Whether a field is named by a mask; a name that is no field is refused.
pub(super) fn field_counts(mask: &[String], known: &[&str], what: &str) -> ApiResult<impl Fn(&str) -> bool + use<>> {
    let names: Vec<String> = mask.iter().flat_map(|name| name.split(',')).map(|name| name.trim().to_owned()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(ApiError::bad_request(format!("update_mask: `{name}` is no field of {what}")));
    }
    Ok(move |name: &str| names.is_empty() || names.iter().any(|named| named == name))
}

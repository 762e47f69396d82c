//! What a provider says of somebody.

use openidconnect::core::CoreGenderClaim;
use openidconnect::{AdditionalClaims, IdTokenClaims, UserInfoClaims};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{OidcError, OidcSettings};

/// Claims beyond the standard's: groups, for instance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

/// Somebody whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The name of their account.
    pub username: String,
    /// The role that their groups give.
    pub role: String,
}

/// The claims of an ID token by their names.
pub(super) fn of_id_token(claims: &IdTokenClaims<Claims, CoreGenderClaim>) -> Map<String, Value> {
    let mut told = claims.additional_claims().all.clone();
    told.insert("sub".to_owned(), json!(claims.subject().as_str()));
    let standard = [
        ("preferred_username", claims.preferred_username().map(|name| name.as_str().to_owned())),
        ("email", claims.email().map(|email| email.as_str().to_owned())),
    ];
    add(&mut told, standard);
    told
}

/// What the userinfo says beyond that.
pub(super) fn add_user_info(told: &mut Map<String, Value>, more: &UserInfoClaims<Claims, CoreGenderClaim>) {
    for (name, value) in &more.additional_claims().all {
        told.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let standard = [
        ("preferred_username", more.preferred_username().map(|name| name.as_str().to_owned())),
        ("email", more.email().map(|email| email.as_str().to_owned())),
    ];
    add(told, standard);
}

fn add(told: &mut Map<String, Value>, claims: [(&str, Option<String>); 2]) {
    for (name, value) in claims {
        if let Some(value) = value {
            told.entry(name).or_insert(Value::String(value));
        }
    }
}

/// Who that is here, and what they may.
pub(super) fn vouched(told: &Map<String, Value>, settings: &OidcSettings) -> Result<Vouched, OidcError> {
    let claim = &settings.username_claim;
    let username = told.get(claim).and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if username.is_empty() || username.chars().any(char::is_control) {
        let message = format!("{} does not say who you are: there is no claim `{claim}`", settings.label);
        return Err(OidcError::Refused(message));
    }
    let groups = groups(told.get(&settings.groups_claim));
    match settings.role_of(&groups) {
        Some(role) => Ok(Vouched { username: username.to_owned(), role: role.to_owned() }),
        None => Err(OidcError::Refused(format!("{username} is in no group that may use flowctl; ask an admin"))),
    }
}

/// A list of texts; one text, as some providers send it, is a list of one.
fn groups(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(group)) => vec![group.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(default_role: Option<&str>) -> OidcSettings {
        OidcSettings {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: None,
            base_url: String::new(),
            scopes: Vec::new(),
            username_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: vec![("ops".to_owned(), "op".to_owned()), ("staff".to_owned(), "viewer".to_owned())],
            default_role: default_role.map(str::to_owned),
            label: "the provider".to_owned(),
        }
    }

    fn role(groups: &Value, default_role: Option<&str>) -> Result<String, OidcError> {
        let told = json!({"preferred_username": "ada", "groups": groups});
        vouched(told.as_object().expect("claims"), &settings(default_role)).map(|vouched| vouched.role)
    }

    #[test]
    fn the_first_group_of_the_table_that_fits_gives_the_role() {
        assert_eq!(role(&json!(["staff", "ops"]), None).as_deref(), Ok("op"));
        assert_eq!(role(&json!("staff"), None).as_deref(), Ok("viewer"));
        assert_eq!(role(&json!(["others"]), Some("user")).as_deref(), Ok("user"));
        let refusal = role(&json!(["others"]), None).expect_err("a refusal").to_string();
        assert_eq!(refusal, "ada is in no group that may use flowctl; ask an admin");
    }

    #[test]
    fn who_has_no_name_is_refused() {
        for name in [json!(null), json!(""), json!(" \t "), json!("a\nb"), json!(7)] {
            let told = json!({"preferred_username": name, "groups": ["ops"]});
            assert!(vouched(told.as_object().expect("claims"), &settings(None)).is_err(), "{told}");
        }
    }
}

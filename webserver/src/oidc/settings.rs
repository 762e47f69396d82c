//! What the deployment knows of its identity provider.

/// The provider, and what its groups mean here.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Its address; `/.well-known/openid-configuration` is below it.
    pub issuer: String,
    /// What it calls flowctl.
    pub client_id: String,
    /// What it knows flowctl by; none: PKCE alone.
    pub client_secret: Option<String>,
    /// Where people reach flowctl, without a path.
    pub base_url: String,
    /// What is asked for, beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that is the name of the account.
    pub username_claim: String,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// Groups and the roles that they give; the first one that fits counts.
    pub roles: Vec<(String, String)>,
    /// The role of those who are in none of these groups; none: they are not let in.
    pub default_role: Option<String>,
    /// What the button calls it.
    pub label: String,
}

impl std::fmt::Debug for OidcSettings {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcSettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl OidcSettings {
    /// Where the provider sends browsers back to.
    pub fn redirect_url(&self) -> String {
        format!("{}/login/oidc/callback", self.base_url.trim_end_matches('/'))
    }

    /// The role that groups give.
    pub fn role_of(&self, groups: &[String]) -> Option<&str> {
        let mapped = self.roles.iter().find(|(group, _)| groups.contains(group)).map(|(_, role)| role.as_str());
        mapped.or(self.default_role.as_deref())
    }

    /// Every role that is given, behind the words for what gives it: ``oidc.roles gives `ops` ``.
    pub fn given_roles(&self) -> impl Iterator<Item = (String, &str)> {
        let of_groups = self.roles.iter().map(|(group, role)| (format!("oidc.roles gives `{group}`"), role.as_str()));
        of_groups.chain(self.default_role.iter().map(|role| ("oidc.default_role is".to_owned(), role.as_str())))
    }
}

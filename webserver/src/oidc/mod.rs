//! Login through an identity provider: `OpenID` Connect's authorisation code with PKCE.
//!
//! 1. [`Oidc::begin`] sends the browser to the provider, and keeps what the answer must match in a cookie of that
//!    browser ([`Pending`]).
//! 2. The provider sends the browser back with a code. [`Oidc::finish`] compares the state, exchanges the code with the
//!    verifier that only this browser has, and checks the ID token: signature, issuer, audience, expiry, nonce.
//! 3. The claims say who it is, and their groups which role they get ([`settings::OidcSettings::role_of`]).

mod claims;
mod http;
mod settings;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout, RedirectUrl, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

pub use claims::Vouched;
pub use settings::OidcSettings;

use claims::Claims;

/// The provider's document and keys are fetched again after this: keys are replaced now and then.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

type Provider = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<
        IdTokenFields<
            Claims,
            EmptyExtraTokenFields,
            CoreGenderClaim,
            CoreJweContentEncryptionAlgorithm,
            CoreJwsSigningAlgorithm,
        >,
        CoreTokenType,
    >,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why somebody was not let in; the message is for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider cannot be asked.
    #[error("{label} cannot be reached: {why}")]
    Unreachable {
        /// What the provider is called.
        label: String,
        /// What went wrong.
        why: String,
    },
    /// What came back is not what was asked for.
    #[error("{0}")]
    Refused(String),
}

/// What the provider's answer must match. It is in a cookie of the browser that began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    /// Where to go after the login.
    pub next: String,
}

/// What the provider sends the browser back with.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Debug, Clone)]
struct Discovered {
    provider: Arc<Provider>,
    end_session: Option<String>,
    at: Timestamp,
}

/// An identity provider.
#[derive(Debug)]
pub struct Oidc {
    settings: OidcSettings,
    http: reqwest::Client,
    discovered: Mutex<Option<Discovered>>,
}

impl Oidc {
    /// Over its settings; nothing is fetched yet.
    pub fn new(settings: OidcSettings) -> Result<Self, reqwest::Error> {
        Ok(Self { settings, http: http::client()?, discovered: Mutex::new(None) })
    }

    /// Its settings.
    pub const fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Where to send the browser, and what it must bring back.
    pub async fn begin(&self, next: String, now: Timestamp) -> Result<(String, Pending), OidcError> {
        let provider = self.discover(now).await?.provider;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = provider
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge);
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        let pending = Pending {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            next,
        };
        Ok((url.to_string(), pending))
    }

    /// Who the provider vouches for.
    pub async fn finish(&self, answer: Answer, pending: &Pending, now: Timestamp) -> Result<Vouched, OidcError> {
        let refused = |why: &str| OidcError::Refused(why.to_owned());
        // Both are random and of one use: it does not matter how long the comparison takes.
        if answer.state.as_deref() != Some(pending.state.as_str()) {
            return Err(refused("this answer belongs to another login; begin again"));
        }
        if let Some(error) = answer.error {
            let why = answer.error_description.unwrap_or(error);
            return Err(OidcError::Refused(format!("{} did not let you in: {why}", self.settings.label)));
        }
        let code = answer.code.ok_or_else(|| refused("the provider sent no code; begin again"))?;
        let provider = self.discover(now).await?.provider;
        let call = |request| http::call(self.http.clone(), request);
        let tokens = provider
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| self.unreachable(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
            .request_async(&call)
            .await
            .map_err(|error| OidcError::Refused(format!("the code was not accepted: {}", causes(&error))))?;
        let id_token = tokens.id_token().ok_or_else(|| refused("the provider sent no ID token"))?;
        let verifier = provider.id_token_verifier();
        let unverified =
            |error: &dyn std::error::Error| OidcError::Refused(format!("the ID token is not valid: {}", causes(error)));
        let claims =
            id_token.claims(&verifier, &Nonce::new(pending.nonce.clone())).map_err(|error| unverified(&error))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().map_err(|error| unverified(&error))?;
            let key = id_token.signing_key(&verifier).map_err(|error| unverified(&error))?;
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
            if hash.map_err(|error| unverified(&error))? != *expected {
                return Err(refused("the access token is not the one that the ID token speaks of"));
            }
        }
        let mut told = claims::of_id_token(claims);
        // Many providers tell groups here only.
        if let Ok(request) = provider.user_info(tokens.access_token().clone(), Some(claims.subject().clone())) {
            let more: Result<UserInfoClaims<Claims, CoreGenderClaim>, _> = request.request_async(&call).await;
            match more {
                Ok(more) => claims::add_user_info(&mut told, &more),
                Err(error) => tracing::warn!(error = %causes(&error), "the provider's userinfo could not be read"),
            }
        }
        claims::vouched(&told, &self.settings)
    }

    /// Where the browser logs out of the provider, if that has such a place.
    pub async fn log_out(&self, now: Timestamp) -> Result<Option<String>, OidcError> {
        let Some(end) = self.discover(now).await?.end_session else { return Ok(None) };
        let Ok(mut url) = reqwest::Url::parse(&end) else { return Ok(None) };
        let back = format!("{}/login", self.settings.base_url.trim_end_matches('/'));
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", &back);
        Ok(Some(url.to_string()))
    }

    async fn discover(&self, now: Timestamp) -> Result<Discovered, OidcError> {
        let mut known = self.discovered.lock().await;
        if let Some(discovered) = known.as_ref().filter(|known| now.duration_since(known.at) < FRESH) {
            return Ok(discovered.clone());
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|error| self.unreachable(&error))?;
        let call = |request| http::call(self.http.clone(), request);
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &call)
            .await
            .map_err(|error| self.unreachable(&error))?;
        let end_session = metadata.additional_metadata().end_session_endpoint.as_ref().map(ToString::to_string);
        let back = RedirectUrl::new(self.settings.redirect_url()).map_err(|error| self.unreachable(&error))?;
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let provider = Client::from_provider_metadata(metadata, ClientId::new(self.settings.client_id.clone()), secret)
            .set_redirect_uri(back);
        let discovered = Discovered { provider: Arc::new(provider), end_session, at: now };
        *known = Some(discovered.clone());
        Ok(discovered)
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> OidcError {
        let why = causes(error);
        tracing::warn!(error = %why, oidc.issuer = %self.settings.issuer, "the identity provider cannot be used");
        OidcError::Unreachable { label: self.settings.label.clone(), why }
    }
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

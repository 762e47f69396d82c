//! Why a request got no answer, or not the one that was asked for.

use api::HttpError;
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// What went wrong with a request. Its message is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    /// Nobody answers at the address.
    Unreachable {
        /// The address.
        server: String,
        /// Why.
        cause: String,
    },
    /// The connection broke before the answer was complete.
    Broken {
        /// The address.
        server: String,
        /// Why.
        cause: String,
    },
    /// Something answers that does not speak this API.
    NotFlowctl {
        /// The address.
        server: String,
        /// What of its answer is not understood.
        detail: String,
    },
    /// 404 or 405 for the path itself: the server does not have what flowctl adds to Airflow's API.
    NoOperation {
        /// The address.
        server: String,
    },
    /// 401: there is no token, or it is not valid (any more).
    LoginRequired {
        /// The address.
        server: String,
        /// Whether a token was sent.
        had_token: bool,
        /// What the server says.
        detail: String,
    },
    /// 403: the account may not do this.
    Forbidden,
    /// 404.
    NotFound {
        /// What the server says.
        detail: String,
    },
    /// Any other status from 400 on.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server says.
        detail: String,
    },
}

impl Error {
    /// For a request that did not get as far as a status.
    pub(super) fn unsent(server: &str, error: &reqwest::Error) -> Self {
        let (server, cause) = (server.to_owned(), innermost(error));
        if error.is_connect() || error.is_timeout() {
            Self::Unreachable { server, cause }
        } else {
            Self::Broken { server, cause }
        }
    }

    /// For an answer that ended too early.
    pub(super) fn broken(server: &str, error: &reqwest::Error) -> Self {
        Self::Broken { server: server.to_owned(), cause: innermost(error) }
    }

    /// For an answer from 400 on.
    pub(super) async fn refused(server: &str, had_token: bool, response: Response) -> Self {
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        if is_no_operation(status, &body) {
            return Self::NoOperation { server: server.to_owned() };
        }
        let Ok(HttpError { detail }) = serde_json::from_slice(&body) else {
            let detail = format!("it answers {status} without saying why");
            return if status.is_server_error() {
                Self::Refused { status: status.as_u16(), detail }
            } else {
                Self::NotFlowctl { server: server.to_owned(), detail }
            };
        };
        let detail = detail.to_string();
        match status {
            StatusCode::UNAUTHORIZED => Self::LoginRequired { server: server.to_owned(), had_token, detail },
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound { detail },
            _ => Self::Refused { status: status.as_u16(), detail },
        }
    }
}

/// What Airflow answers for a path that it does not have, or not with this method.
fn is_no_operation(status: StatusCode, body: &[u8]) -> bool {
    let said = |name: &str| Some(serde_json::from_slice::<Value>(body).ok()?.get(name)?.as_str()?.to_owned());
    match status {
        StatusCode::NOT_FOUND => said("error").is_some_and(|error| error == "API route not found"),
        StatusCode::METHOD_NOT_ALLOWED => said("detail").is_some_and(|detail| detail == "Method Not Allowed"),
        _ => false,
    }
}

/// The cause that says something: what the layers above it add is "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable { server, cause } => write!(f, "no flowctl server at {server} ({cause})"),
            Self::Broken { server, cause } => write!(f, "the connection to {server} broke: {cause}"),
            Self::NotFlowctl { server, detail } => write!(f, "what answers at {server} is no flowctl server: {detail}"),
            Self::NoOperation { server } => {
                write!(f, "{server} cannot do this: it is an Airflow, or a flowctl of another version")
            }
            Self::LoginRequired { server, had_token: false, .. } => write!(f, "{server} asks for a login"),
            Self::LoginRequired { server, detail, .. } => {
                write!(f, "{server} does not accept the token, which may have expired: {detail}")
            }
            // The server says "Forbidden".
            Self::Forbidden => write!(f, "not permitted: the role of your account does not allow it"),
            Self::NotFound { detail } | Self::Refused { detail, .. } => f.write_str(detail),
        }
    }
}

impl std::error::Error for Error {}

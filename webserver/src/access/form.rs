//! Forms carry a token of their session: another site cannot know it, so it cannot send a form in somebody's name.

use axum::body::to_bytes;
use axum::body::{Body, Bytes};
use subtle::ConstantTimeEq;

/// The field.
pub(crate) const FIELD: &str = "form_token";
/// Bytes of a form at most: axum's own bound.
const LONGEST: usize = 2 * 1024 * 1024;

/// The body again, if it is a form of the session with this token.
pub(crate) async fn of_session(body: Body, token: &str) -> Option<Body> {
    let bytes = to_bytes(body, LONGEST).await.ok()?;
    is_of_session(&bytes, token).then(|| Body::from(bytes))
}

fn is_of_session(form: &Bytes, token: &str) -> bool {
    let given = form_urlencoded::parse(form).find(|(name, _)| name == FIELD);
    given.is_some_and(|(_, value)| is_token(&value, token))
}

/// Whether what a form carries is the token.
pub(crate) fn is_token(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

/// What a form carries, as HTML.
pub(crate) fn field(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"{FIELD}\" value=\"{token}\">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_with_the_sessions_token_is_taken() {
        let is_taken = |form: &'static str| is_of_session(&Bytes::from_static(form.as_bytes()), "t1");
        assert!(is_taken("a=b&form_token=t1") && is_taken("form_token=t1"));
        for form in ["", "a=b", "form_token=", "form_token=t2", "form_token=t12", "x=form_token=t1"] {
            assert!(!is_taken(form), "{form}");
        }
    }
}

//! Personal tokens.

use api::{HttpError, NewToken, Token, TokenBody, TokenCollection};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use store::access_token::TokenRow;

use super::Api;
use super::error::ApiResult;
use super::extract::{Body, Path};
use crate::doors::{LoggedIn, TokenWish};

fn wire(row: TokenRow) -> Token {
    Token {
        id: row.id,
        name: row.name,
        role: row.role,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
    }
}

/// The personal tokens of whoever asks.
#[utoipa::path(get, path = "/tokens", tag = "Token", responses((status = 200, body = TokenCollection)))]
pub(super) async fn get_tokens(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
) -> ApiResult<Json<TokenCollection>> {
    let tokens: Vec<_> = api.doors.tokens(&who).await?.into_iter().map(wire).collect();
    let total_entries = u64::try_from(tokens.len()).unwrap_or(u64::MAX);
    Ok(Json(TokenCollection { tokens, total_entries }))
}

/// Makes a personal token. The answer is the only place where it is told.
#[utoipa::path(post, path = "/tokens", tag = "Token", request_body = TokenBody,
    responses((status = 201, body = NewToken), (status = 400, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn post_token(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<TokenBody>,
) -> ApiResult<(StatusCode, Json<NewToken>)> {
    let wish = TokenWish { name: body.name, role: body.role, days: body.days };
    let (id, token, expires_at) = api.doors.create_token(&who, &wish).await?;
    Ok((StatusCode::CREATED, Json(NewToken { id, token, expires_at })))
}

/// Revokes a personal token of one's own; admins revoke anybody's.
#[utoipa::path(delete, path = "/tokens/{token_id}", tag = "Token", params(("token_id" = i64, Path)),
    responses((status = 204), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn delete_token(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    api.doors.revoke_token(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

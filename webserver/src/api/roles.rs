//! Roles and what they are granted.

use api::{Grant, HttpError, Role, RoleBody, RoleCollection};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use store::role::RoleRow;
use utoipa::IntoParams;

use super::Api;
use super::error::ApiResult;
use super::extract::{Body, Path, Query};
use crate::access;
use crate::doors::LoggedIn;

fn wire(row: RoleRow) -> Role {
    let grant =
        |grant: store::role::Grant| Grant { permission: grant.permission, dag_id: grant.dag_id, tag: grant.tag };
    Role {
        is_built_in: access::Role::named(&row.name).is_some(),
        name: row.name,
        accounts: row.accounts,
        grants: row.grants.into_iter().map(grant).collect(),
    }
}

fn stored(grant: Grant) -> store::role::Grant {
    store::role::Grant { permission: grant.permission, dag_id: grant.dag_id, tag: grant.tag }
}

/// All roles with their grants.
#[utoipa::path(get, path = "/roles", tag = "Role",
    responses((status = 200, body = RoleCollection), (status = 403, body = HttpError)))]
pub(super) async fn get_roles(State(api): State<Api>) -> ApiResult<Json<RoleCollection>> {
    let roles: Vec<_> = api.doors.roles().await?.into_iter().map(wire).collect();
    let total_entries = u64::try_from(roles.len()).unwrap_or(u64::MAX);
    Ok(Json(RoleCollection { roles, total_entries }))
}

/// Creates a role that may nothing yet.
#[utoipa::path(post, path = "/roles", tag = "Role", request_body = RoleBody,
    responses((status = 201, body = Role), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 409, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn post_role(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<RoleBody>,
) -> ApiResult<(StatusCode, Json<Role>)> {
    api.doors.create_role(&who, &body.name).await?;
    let role = Role { name: body.name, is_built_in: false, accounts: 0, grants: Vec::new() };
    Ok((StatusCode::CREATED, Json(role)))
}

/// Deletes a role that no account has.
#[utoipa::path(delete, path = "/roles/{role_name}", tag = "Role", params(("role_name" = String, Path)),
    responses((status = 204), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError)))]
pub(super) async fn delete_role(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    api.doors.delete_role(&who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a role a permission: for a DAG, for the DAGs of a tag, or for everything.
#[utoipa::path(post, path = "/roles/{role_name}/grants", tag = "Role", params(("role_name" = String, Path)),
    request_body = Grant,
    responses((status = 201, body = Grant), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn post_grant(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(name): Path<String>,
    Body(grant): Body<Grant>,
) -> ApiResult<(StatusCode, Json<Grant>)> {
    api.doors.grant(&who, &name, &stored(grant.clone())).await?;
    Ok((StatusCode::CREATED, Json(grant)))
}

/// Which grant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// Such as `dag_run.create`.
    permission: String,
    /// The DAG that it is for.
    dag_id: Option<String>,
    /// The tag that it is for.
    tag: Option<String>,
}

/// Takes a permission back from a role.
#[utoipa::path(delete, path = "/roles/{role_name}/grants", tag = "Role",
    params(("role_name" = String, Path), GrantQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn delete_grant(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(name): Path<String>,
    Query(grant): Query<GrantQuery>,
) -> ApiResult<StatusCode> {
    let GrantQuery { permission, dag_id, tag } = grant;
    api.doors.revoke(&who, &name, &store::role::Grant { permission, dag_id, tag }).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `/pools`.

use api::{BulkBody, BulkResponse, HttpError, Pool, PoolBody, PoolCollection, PoolPatchBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::pool::DEFAULT_POOL;
use serde::Deserialize;
use serde_json::json;
use store::read::api::{PoolFilter, PoolRow};
use utoipa::IntoParams;

use super::bulk::Changeable;
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::listing::listing;
use super::update_mask::{MaskQuery, field_counts};
use super::{Api, bulk, missing};
use crate::doors::{ActionError, LoggedIn, PoolWish};

/// Which pools.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PoolsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Part of the name; `%` and `_` as in SQL, `|` between alternatives.
    pool_name_pattern: Option<String>,
    /// How the name begins.
    pool_name_prefix_pattern: Option<String>,
    /// `id`, `name`, `pool`, `slots`, `description`, `include_deferred`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the pools, with who holds their slots.
#[utoipa::path(get, path = "/pools", tag = "Pool", params(PoolsQuery),
    responses((status = 200, body = PoolCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_pools(
    State(api): State<Api>,
    Query(query): Query<PoolsQuery>,
) -> ApiResult<Json<PoolCollection>> {
    let filter =
        PoolFilter { name: None, name_pattern: query.pool_name_pattern, name_prefix: query.pool_name_prefix_pattern };
    let page = api.store.api_pools(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    Ok(Json(PoolCollection { pools: page.rows.into_iter().map(wire).collect(), total_entries: page.total }))
}

/// One pool.
#[utoipa::path(get, path = "/pools/{pool_name}", tag = "Pool", params(("pool_name" = String, Path)),
    responses((status = 200, body = Pool), (status = 404, body = HttpError)))]
pub(super) async fn get_pool(State(api): State<Api>, Path(name): Path<String>) -> ApiResult<Json<Pool>> {
    load(&api, &name).await.map(Json)
}

async fn load(api: &Api, name: &str) -> ApiResult<Pool> {
    api.store.api_pool(name).await?.map(wire).ok_or_else(|| missing::pool(name))
}

/// Creates a pool.
#[utoipa::path(post, path = "/pools", tag = "Pool", request_body = PoolBody,
    responses((status = 201, body = Pool), (status = 403, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn post_pool(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<PoolBody>,
) -> ApiResult<(StatusCode, Json<Pool>)> {
    let wish = wish(body);
    let name = wish.name.clone();
    api.doors.create_pool(&who, wish).await.map_err(refusal(&name))?;
    Ok((StatusCode::CREATED, Json(load(&api, &name).await?)))
}

/// Changes a pool. What runs in it goes on, also when it has fewer slots now; the change holds from the next decision.
#[utoipa::path(patch, path = "/pools/{pool_name}", tag = "Pool", params(("pool_name" = String, Path), MaskQuery),
    request_body = PoolPatchBody, responses((status = 200, body = Pool), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_pool(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(name): Path<String>,
    Query(query): Query<MaskQuery>,
    Body(body): Body<PoolPatchBody>,
) -> ApiResult<Json<Pool>> {
    if body.pool.as_ref().is_some_and(|given| *given != name) {
        return Err(ApiError::bad_request("Invalid body, pool name from request body doesn't match uri parameter"));
    }
    let row = api.store.api_pool(&name).await?.ok_or_else(|| missing::pool(&name))?;
    let wish = patched(row, body, &query.update_mask)?;
    api.doors.update_pool(&who, wish).await.map_err(refusal(&name))?;
    load(&api, &name).await.map(Json)
}

/// A pool with the fields of a body that count.
fn patched(row: PoolRow, body: PoolPatchBody, mask: &[String]) -> ApiResult<PoolWish> {
    let known = ["name", "pool", "slots", "description", "include_deferred", "team_name", "rate"];
    let counts = field_counts(mask, &known, "a pool")?;
    let description = body.description.filter(|_| counts("description")).unwrap_or_else(|| row.description.clone());
    if row.name == DEFAULT_POOL && description != row.description {
        return Err(ApiError::bad_request("Only slots and included_deferred can be modified on Default Pool"));
    }
    Ok(PoolWish {
        slots: body.slots.filter(|_| counts("slots")).unwrap_or(row.slots),
        include_deferred: body.include_deferred.filter(|_| counts("include_deferred")).unwrap_or(row.include_deferred),
        rate: body.rate.filter(|_| counts("rate")).unwrap_or(row.rate),
        description,
        name: row.name,
    })
}

/// Deletes a pool that no DAG uses.
#[utoipa::path(delete, path = "/pools/{pool_name}", tag = "Pool", params(("pool_name" = String, Path)),
    responses((status = 204), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError)))]
pub(super) async fn delete_pool(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    if name == DEFAULT_POOL {
        return Err(ApiError::bad_request("Default Pool can't be deleted"));
    }
    api.doors.delete_pool(&who, &name).await.map_err(refusal(&name))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Creates, changes and deletes several pools.
#[utoipa::path(patch, path = "/pools", tag = "Pool", request_body = BulkBody<PoolBody>,
    responses((status = 200, body = BulkResponse), (status = 403, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn bulk_pools(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<BulkBody<PoolBody>>,
) -> ApiResult<Json<BulkResponse>> {
    bulk::apply::<Pools>(&api, &who, body).await.map(Json)
}

struct Pools;

impl Changeable for Pools {
    type Entity = PoolBody;
    const THINGS: &'static str = "pools with these pool names";

    fn name(entity: &PoolBody) -> &str {
        &entity.name
    }

    async fn known(api: &Api) -> ApiResult<Vec<String>> {
        Ok(api.doors.pool_names().await?)
    }

    async fn create(api: &Api, who: &LoggedIn, entity: PoolBody) -> ApiResult<()> {
        api.doors.create_pool(who, wish(entity)).await.map_err(|error| ApiError::of_door(&error))
    }

    async fn overwrite(api: &Api, who: &LoggedIn, entity: PoolBody) -> ApiResult<()> {
        api.doors.update_pool(who, wish(entity)).await.map_err(|error| ApiError::of_door(&error))
    }

    async fn update(api: &Api, who: &LoggedIn, entity: PoolBody, mask: &[String]) -> ApiResult<()> {
        let row = api.store.api_pool(&entity.name).await?.ok_or_else(|| missing::pool(&entity.name))?;
        let body = PoolPatchBody {
            pool: None,
            slots: Some(entity.slots),
            description: Some(entity.description),
            include_deferred: Some(entity.include_deferred),
            team_name: None,
            rate: Some(entity.rate),
        };
        let wish = patched(row, body, mask)?;
        api.doors.update_pool(who, wish).await.map_err(|error| ApiError::of_door(&error))
    }

    async fn delete(api: &Api, who: &LoggedIn, name: &str) -> ApiResult<()> {
        api.doors.delete_pool(who, name).await.map_err(|error| ApiError::of_door(&error))
    }
}

/// A body as a wish.
fn wish(body: PoolBody) -> PoolWish {
    PoolWish {
        name: body.name,
        slots: body.slots,
        description: body.description,
        include_deferred: body.include_deferred,
        rate: body.rate,
    }
}

/// What a door says of a pool, with Airflow's words and statuses.
fn refusal(name: &str) -> impl FnOnce(ActionError) -> ApiError + use<> {
    let lost = missing::or(missing::pool(name));
    move |error| match error {
        ActionError::Invalid(message) => ApiError::unprocessable("value_error", &[json!("body")], &message),
        error => lost(error),
    }
}

fn wire(row: PoolRow) -> Pool {
    Pool {
        occupied_slots: row.occupied(),
        open_slots: row.open(),
        name: row.name,
        slots: row.slots,
        description: row.description,
        include_deferred: row.include_deferred,
        running_slots: row.running,
        queued_slots: row.queued,
        scheduled_slots: row.scheduled,
        deferred_slots: row.deferred,
        team_name: None,
        rate: row.rate,
    }
}

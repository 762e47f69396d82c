//! `PATCH /pools`: each action is checked as a whole before any of it is done.

use std::collections::BTreeSet;

use api::{
    BulkAction, BulkBody, BulkError, BulkOutcome, BulkResponse, OnExistence, OnNonExistence, PoolBody, PoolPatchBody,
};
use axum::http::StatusCode;

use super::Api;
use super::error::ApiResult;
use super::pools::{patched, wish};
use crate::doors::{ActionError, LoggedIn};

/// Makes the changes, action by action.
pub(super) async fn apply(api: &Api, who: &LoggedIn, body: BulkBody<PoolBody>) -> ApiResult<BulkResponse> {
    let mut response = BulkResponse::default();
    for action in body.actions {
        // Read again for each action: it sees what those before it did.
        let known: BTreeSet<String> = api.doors.pool_names(who).await?.into_iter().collect();
        match action {
            BulkAction::Create { entities, action_on_existence } => {
                let outcome = response.create.get_or_insert_default();
                create(api, who, entities, action_on_existence, &known, outcome).await;
            }
            BulkAction::Update { entities, update_mask, action_on_non_existence } => {
                let mask = update_mask.unwrap_or_default();
                let outcome = response.update.get_or_insert_default();
                update(api, who, entities, &mask, action_on_non_existence, &known, outcome).await?;
            }
            BulkAction::Delete { entities, action_on_non_existence } => {
                let outcome = response.delete.get_or_insert_default();
                delete(api, who, entities, action_on_non_existence, &known, outcome).await;
            }
        }
    }
    Ok(response)
}

async fn create(
    api: &Api,
    who: &LoggedIn,
    entities: Vec<PoolBody>,
    on_existence: OnExistence,
    known: &BTreeSet<String>,
    outcome: &mut BulkOutcome,
) {
    let existing: Vec<_> = entities.iter().map(|pool| &pool.name).filter(|name| known.contains(*name)).collect();
    if on_existence == OnExistence::Fail && !existing.is_empty() {
        let error = format!("The pools with these pool names: {existing:?} already exist.");
        outcome.errors.push(BulkError { error, status_code: StatusCode::CONFLICT.as_u16() });
        return;
    }
    for entity in entities {
        let name = entity.name.clone();
        let done = match (known.contains(&name), on_existence) {
            (false, _) => api.doors.create_pool(who, wish(entity)).await,
            (true, OnExistence::Overwrite) => api.doors.update_pool(who, wish(entity)).await,
            (true, OnExistence::Skip | OnExistence::Fail) => continue,
        };
        note(outcome, name, done);
    }
}

async fn update(
    api: &Api,
    who: &LoggedIn,
    entities: Vec<PoolBody>,
    mask: &[String],
    on_non_existence: OnNonExistence,
    known: &BTreeSet<String>,
    outcome: &mut BulkOutcome,
) -> ApiResult<()> {
    let names: Vec<_> = entities.iter().map(|pool| pool.name.clone()).collect();
    if !all_exist(&names, on_non_existence, known, outcome) {
        return Ok(());
    }
    for entity in entities {
        let Some(row) = api.store.api_pool(&entity.name).await? else { continue };
        let name = entity.name.clone();
        let body = PoolPatchBody {
            pool: None,
            slots: Some(entity.slots),
            description: Some(entity.description),
            include_deferred: Some(entity.include_deferred),
            team_name: None,
            rate: Some(entity.rate),
        };
        match patched(row, body, mask) {
            Ok(wish) => note(outcome, name, api.doors.update_pool(who, wish).await),
            Err(error) => outcome.errors.push(error.into_bulk()),
        }
    }
    Ok(())
}

async fn delete(
    api: &Api,
    who: &LoggedIn,
    names: Vec<String>,
    on_non_existence: OnNonExistence,
    known: &BTreeSet<String>,
    outcome: &mut BulkOutcome,
) {
    if !all_exist(&names, on_non_existence, known, outcome) {
        return;
    }
    for name in names {
        if known.contains(&name) {
            let done = api.doors.delete_pool(who, &name).await;
            note(outcome, name, done);
        }
    }
}

/// Whether the action is to be done: unless one that it names does not exist and that matters.
fn all_exist(
    names: &[String],
    on_non_existence: OnNonExistence,
    known: &BTreeSet<String>,
    outcome: &mut BulkOutcome,
) -> bool {
    let missing: Vec<_> = names.iter().filter(|name| !known.contains(*name)).collect();
    if missing.is_empty() || on_non_existence == OnNonExistence::Skip {
        return true;
    }
    let error = format!("The pools with these pool names: {missing:?} were not found.");
    outcome.errors.push(BulkError { error, status_code: StatusCode::NOT_FOUND.as_u16() });
    false
}

fn note(outcome: &mut BulkOutcome, name: String, done: Result<(), ActionError>) {
    match done {
        Ok(()) => outcome.success.push(name),
        Err(error) => {
            outcome.errors.push(BulkError { error: error.to_string(), status_code: error.status().as_u16() });
        }
    }
}

//! Several changes in one request: each action is checked as a whole before any of it is done.

use std::collections::BTreeSet;

use api::{BulkAction, BulkBody, BulkError, BulkOutcome, BulkResponse, OnExistence, OnNonExistence};
use axum::http::StatusCode;

use super::Api;
use super::error::{ApiError, ApiResult};
use crate::doors::LoggedIn;

/// A kind of thing that several of can be changed at once.
pub(super) trait Changeable {
    /// What is sent of one.
    type Entity;
    /// Such as `pools with these pool names`.
    const THINGS: &'static str;

    /// Its name.
    fn name(entity: &Self::Entity) -> &str;
    /// The names of all that there are.
    async fn known(api: &Api) -> ApiResult<Vec<String>>;
    /// Makes one.
    async fn create(api: &Api, who: &LoggedIn, entity: Self::Entity) -> ApiResult<()>;
    /// Makes one what is given, whatever it was.
    async fn overwrite(api: &Api, who: &LoggedIn, entity: Self::Entity) -> ApiResult<()>;
    /// Changes those fields of one that the mask names; all that are given when it names none.
    async fn update(api: &Api, who: &LoggedIn, entity: Self::Entity, mask: &[String]) -> ApiResult<()>;
    /// Deletes one.
    async fn delete(api: &Api, who: &LoggedIn, name: &str) -> ApiResult<()>;
}

/// Makes the changes, action by action.
pub(super) async fn apply<K: Changeable>(
    api: &Api,
    who: &LoggedIn,
    body: BulkBody<K::Entity>,
) -> ApiResult<BulkResponse> {
    let mut response = BulkResponse::default();
    for action in body.actions {
        // Read again for each action: it sees what those before it did.
        let known: BTreeSet<String> = K::known(api).await?.into_iter().collect();
        match action {
            BulkAction::Create { entities, action_on_existence } => {
                let outcome = response.create.get_or_insert_default();
                create::<K>(api, who, entities, action_on_existence, &known, outcome).await;
            }
            BulkAction::Update { entities, update_mask, action_on_non_existence } => {
                let outcome = response.update.get_or_insert_default();
                let names: Vec<_> = entities.iter().map(|entity| K::name(entity).to_owned()).collect();
                if !all_exist::<K>(&names, action_on_non_existence, &known, outcome) {
                    continue;
                }
                let mask = update_mask.unwrap_or_default();
                for entity in entities {
                    let name = K::name(&entity).to_owned();
                    if known.contains(&name) {
                        let done = K::update(api, who, entity, &mask).await;
                        note(outcome, name, done);
                    }
                }
            }
            BulkAction::Delete { entities, action_on_non_existence } => {
                let outcome = response.delete.get_or_insert_default();
                if !all_exist::<K>(&entities, action_on_non_existence, &known, outcome) {
                    continue;
                }
                for name in entities.into_iter().filter(|name| known.contains(name)) {
                    let done = K::delete(api, who, &name).await;
                    note(outcome, name, done);
                }
            }
        }
    }
    Ok(response)
}

async fn create<K: Changeable>(
    api: &Api,
    who: &LoggedIn,
    entities: Vec<K::Entity>,
    on_existence: OnExistence,
    known: &BTreeSet<String>,
    outcome: &mut BulkOutcome,
) {
    let existing: Vec<_> = entities.iter().map(K::name).filter(|name| known.contains(*name)).collect();
    if on_existence == OnExistence::Fail && !existing.is_empty() {
        let error = format!("The {}: {existing:?} already exist.", K::THINGS);
        outcome.errors.push(BulkError { error, status_code: StatusCode::CONFLICT.as_u16() });
        return;
    }
    for entity in entities {
        let name = K::name(&entity).to_owned();
        let done = match (known.contains(&name), on_existence) {
            (false, _) => K::create(api, who, entity).await,
            (true, OnExistence::Overwrite) => K::overwrite(api, who, entity).await,
            (true, OnExistence::Skip | OnExistence::Fail) => continue,
        };
        note(outcome, name, done);
    }
}

/// Whether the action is to be done: unless one that it names does not exist and that matters.
fn all_exist<K: Changeable>(
    names: &[String],
    on_non_existence: OnNonExistence,
    known: &BTreeSet<String>,
    outcome: &mut BulkOutcome,
) -> bool {
    let missing: Vec<_> = names.iter().filter(|name| !known.contains(*name)).collect();
    if missing.is_empty() || on_non_existence == OnNonExistence::Skip {
        return true;
    }
    let error = format!("The {}: {missing:?} were not found.", K::THINGS);
    outcome.errors.push(BulkError { error, status_code: StatusCode::NOT_FOUND.as_u16() });
    false
}

fn note(outcome: &mut BulkOutcome, name: String, done: Result<(), ApiError>) {
    match done {
        Ok(()) => outcome.success.push(name),
        Err(error) => outcome.errors.push(error.into_bulk()),
    }
}

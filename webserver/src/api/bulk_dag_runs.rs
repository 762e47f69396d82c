//! Several runs in one request: marked, remarked on, deleted, cleared.

use api::{
    BulkDagRunAction, BulkDagRunBody, BulkDagRunsBody, BulkError, BulkOutcome, BulkResponse, ClearDagRunsBody,
    DagRunCollection, DagRunName, HttpError, OnNonExistence, TaskInstanceCollection,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use store::dag_run::{ClearRuns, ClearSelection};

use super::clear::{affected, check_modes, collection};
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path};
use super::mark::{delete, set_state};
use super::{Api, dag_runs, missing};
use crate::access::Permission;
use crate::doors::LoggedIn;

/// Marks, clears, remarks on, or deletes several runs; with `~` in the path each says of which DAG.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns", tag = "DagRun", params(("dag_id" = String, Path)),
    request_body = BulkDagRunsBody, responses((status = 200, body = BulkResponse), (status = 403, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn bulk_dag_runs(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<BulkDagRunsBody>,
) -> ApiResult<Json<BulkResponse>> {
    let has_delete = body.actions.iter().any(|action| matches!(action, BulkDagRunAction::Delete { .. }));
    // Asked before anything is done.
    let deleter = if has_delete { Some(api.doors.limited(&who, Permission::DagRunDelete).await?) } else { None };
    let mut response = BulkResponse::default();
    for action in body.actions {
        match action {
            BulkDagRunAction::Create { .. } => {
                let error = "Dag Runs bulk create is not supported. Use the trigger Dag Run endpoint instead.";
                let status_code = StatusCode::METHOD_NOT_ALLOWED.as_u16();
                let outcome = response.create.get_or_insert_default();
                outcome.errors.push(BulkError { error: error.to_owned(), status_code });
            }
            BulkDagRunAction::Update { entities, action_on_non_existence, .. } => {
                let outcome = response.update.get_or_insert_default();
                let targets = targets(&who, &dag_id, whole(entities, outcome), outcome);
                for target in existing(&api, targets, action_on_non_existence, outcome).await? {
                    let done = update(&api, &who, &target).await;
                    note(outcome, &target, done);
                }
            }
            BulkDagRunAction::Delete { entities, action_on_non_existence } => {
                let who = deleter.as_ref().unwrap_or(&who);
                let outcome = response.delete.get_or_insert_default();
                let targets = named(who, &dag_id, entities, outcome);
                for target in existing(&api, targets, action_on_non_existence, outcome).await? {
                    let done = delete(&api, who, &target.dag_id, &target.body.dag_run_id).await;
                    note(outcome, &target, done);
                }
            }
        }
    }
    Ok(Json(response))
}

/// A run.
struct Target {
    dag_id: String,
    body: BulkDagRunBody,
}

impl Target {
    fn key(&self) -> (String, String) {
        (self.dag_id.clone(), self.body.dag_run_id.clone())
    }
}

/// What is changed has to say how.
fn whole(entities: Vec<DagRunName>, outcome: &mut BulkOutcome) -> Vec<BulkDagRunBody> {
    let mut bodies = Vec::new();
    for entity in entities {
        match entity {
            DagRunName::Whole(body) => bodies.push(body),
            DagRunName::Name(run_id) => {
                let error =
                    format!("Bulk update requires a BulkDAGRunBody object, not a string for dag_run_id: {run_id}");
                outcome.errors.push(ApiError::bad_request(error).into_bulk());
            }
        }
    }
    bodies
}

/// What is deleted may be a name alone.
fn named(who: &LoggedIn, dag_id: &str, entities: Vec<DagRunName>, outcome: &mut BulkOutcome) -> Vec<Target> {
    let mut bodies = Vec::new();
    for entity in entities {
        match entity {
            DagRunName::Whole(body) => bodies.push(body),
            DagRunName::Name(run_id) if dag_id == "~" || run_id == "~" => {
                let error = format!(
                    "When using wildcard in path, dag_id must be specified in BulkDAGRunBody object, not as string for \
                     dag_run_id: {run_id}"
                );
                outcome.errors.push(ApiError::bad_request(error).into_bulk());
            }
            DagRunName::Name(dag_run_id) => {
                bodies.push(BulkDagRunBody { dag_run_id, dag_id: None, state: None, note: None });
            }
        }
    }
    targets(who, dag_id, bodies, outcome)
}

/// Where the path says `~`, the body has to say it: a DAG for which who asks may do this. Each run once; of two that say
/// the same run the last one counts.
fn targets(who: &LoggedIn, dag_id: &str, bodies: Vec<BulkDagRunBody>, outcome: &mut BulkOutcome) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for mut body in bodies {
        let of = body.dag_id.take().unwrap_or_else(|| dag_id.to_owned());
        if dag_id != "~" && of != dag_id {
            // What the path does not name was not asked for when it was decided who may do this.
            let error = format!("Entry dag_id '{of}' does not match the URL dag_id '{dag_id}'.");
            outcome.errors.push(ApiError::bad_request(error).into_bulk());
            continue;
        }
        let dag_id = of;
        if dag_id == "~" || body.dag_run_id == "~" {
            let run_id = &body.dag_run_id;
            let error = format!(
                "When using wildcard in path, dag_id must be specified in request body for dag_run_id: {run_id}"
            );
            outcome.errors.push(ApiError::bad_request(error).into_bulk());
            continue;
        }
        if let Err(refusal) = who.must_have(&dag_id) {
            outcome.errors.push(ApiError::from(refusal).into_bulk());
            continue;
        }
        let target = Target { dag_id, body };
        match targets.iter_mut().find(|known| known.key() == target.key()) {
            Some(known) => *known = target,
            None => targets.push(target),
        }
    }
    targets
}

/// Those runs that exist. The database's text has no NUL: nothing that exists is named with one.
async fn known(api: &Api, keys: &[(String, String)]) -> ApiResult<Vec<(String, String)>> {
    let can_exist = |(dag_id, run_id): &&(String, String)| !dag_id.contains('\0') && !run_id.contains('\0');
    let keys: Vec<_> = keys.iter().filter(can_exist).cloned().collect();
    Ok(api.store.api_dag_runs_that_exist(&keys).await?)
}

/// Those that exist; none when one does not and that matters.
async fn existing(
    api: &Api,
    targets: Vec<Target>,
    on_non_existence: OnNonExistence,
    outcome: &mut BulkOutcome,
) -> ApiResult<Vec<Target>> {
    let keys: Vec<_> = targets.iter().map(Target::key).collect();
    let known = known(api, &keys).await?;
    let lost: Vec<_> = keys.into_iter().filter(|key| !known.contains(key)).collect();
    if !lost.is_empty() && on_non_existence == OnNonExistence::Fail {
        let names: Vec<_> = lost.iter().map(|(dag_id, run_id)| format!("('{dag_id}', '{run_id}')")).collect();
        let error = format!("The DagRuns with these identifiers: [{}] were not found", names.join(", "));
        outcome.errors.push(ApiError::not_found(error).into_bulk());
        return Ok(Vec::new());
    }
    Ok(targets.into_iter().filter(|target| known.contains(&target.key())).collect())
}

async fn update(api: &Api, who: &LoggedIn, target: &Target) -> ApiResult<()> {
    let (dag_id, run_id) = (target.dag_id.as_str(), target.body.dag_run_id.as_str());
    if let Some(state) = &target.body.state {
        set_state(api, who, dag_id, run_id, state).await?;
    }
    if let Some(text) = &target.body.note {
        let lost = missing::or(missing::dag_run(dag_id, run_id));
        api.doors
            .set_note(who, dag_id, run_id, Some(text).filter(|text| !text.is_empty()).map(String::as_str))
            .await
            .map_err(lost)?;
    }
    Ok(())
}

fn note(outcome: &mut BulkOutcome, target: &Target, done: ApiResult<()>) {
    match done {
        Ok(()) => outcome.success.push(format!("{}.{}", target.dag_id, target.body.dag_run_id)),
        Err(error) => outcome.errors.push(error.into_bulk()),
    }
}

/// Lets several runs start over; with `~` in the path each says of which DAG. A dry run (the default) says which task
/// instances would start over.
#[utoipa::path(post, path = "/dags/{dag_id}/clearDagRuns", tag = "DagRun", params(("dag_id" = String, Path)),
    request_body = ClearDagRunsBody,
    responses((status = 200, content((DagRunCollection = "application/json"),
            (TaskInstanceCollection = "application/json"))), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError),
        (status = 501, body = HttpError)))]
pub(super) async fn clear_dag_runs(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<ClearDagRunsBody>,
) -> ApiResult<Response> {
    check_modes(body.only_failed, body.only_new)?;
    check_selector(&body)?;
    let keys = keys(&dag_id, &body)?;
    for (dag_id, _) in &keys {
        who.must_have(dag_id)?;
    }
    let known = known(&api, &keys).await?;
    if let Some((dag_id, run_id)) = keys.iter().find(|key| !known.contains(key)) {
        return Err(missing::dag_run(dag_id, run_id));
    }
    let selection = ClearSelection {
        only_failed: body.only_failed,
        only_new: body.only_new,
        on_latest_version: body.run_on_latest_version.unwrap_or(false),
        is_dry_run: body.dry_run,
        note: body.note,
        ..ClearSelection::default()
    };
    let (mut would, mut cleared) = (Vec::new(), Vec::new());
    for (dag_id, run_id) in &keys {
        let lost = missing::or(missing::dag_run(dag_id, run_id));
        let runs = ClearRuns::One(run_id.clone());
        if body.dry_run {
            let found = api.doors.clear_and_read_task_instances(&who, dag_id, &runs, &selection).await.map_err(lost)?;
            would.extend(affected(&api, dag_id, found).await?);
        } else {
            api.doors.clear_task_instances(&who, dag_id, &runs, &selection).await.map_err(lost)?;
            cleared.push(dag_runs::load(&api, dag_id, run_id).await?);
        }
    }
    if body.dry_run {
        return Ok(Json(collection(would)).into_response());
    }
    Ok(Json(dag_runs::whole(cleared)).into_response())
}

/// Airflow's rules of how runs are named.
fn check_selector(body: &ClearDagRunsBody) -> ApiResult<()> {
    let by_window = body.partition_date_start.is_some() || body.partition_date_end.is_some();
    let ways = [!body.dag_runs.is_empty(), body.partition_key.is_some(), by_window];
    if ways.iter().filter(|is_used| **is_used).count() != 1 {
        let message = "Exactly one of dag_runs (non-empty), partition_key, or a partition date window \
                       (partition_date_start / partition_date_end) must be provided.";
        return Err(ApiError::unprocessable("value_error", &[json!("body")], message));
    }
    if body.dag_runs.is_empty() {
        return Err(ApiError::not_implemented("runs have no partitions: name the runs in dag_runs"));
    }
    Ok(())
}

/// Each run once, in the order of the body.
fn keys(dag_id: &str, body: &ClearDagRunsBody) -> ApiResult<Vec<(String, String)>> {
    let mut keys = Vec::new();
    for run in &body.dag_runs {
        let of = run.dag_id.as_deref().unwrap_or(dag_id);
        if of == "~" || of.is_empty() {
            return Err(ApiError::bad_request(format!(
                "When the URL dag_id is '~', every entry must provide a concrete dag_id (missing on dag_run_id: '{}').",
                run.dag_run_id
            )));
        }
        if dag_id != "~" && of != dag_id {
            let detail = format!("Entry dag_id '{of}' does not match the URL dag_id '{dag_id}'.");
            return Err(ApiError::bad_request(detail));
        }
        let key = (of.to_owned(), run.dag_run_id.clone());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

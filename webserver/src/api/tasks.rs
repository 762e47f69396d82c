//! `…/tasks`: the tasks of a DAG's newest version.

use std::cmp::Ordering;

use api::{HttpError, Task, TaskCollection, TimeDelta};
use axum::Json;
use axum::extract::State;
use model::dag::Dag;
use model::ids::TaskIndex;
use model::mapping::levels;
use model::operator::Operator;
use serde::Deserialize;
use serde_json::{Map, json};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::{Api, missing};

/// In which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TasksQuery {
    /// A field of the tasks (`task_id` if it is not given); descending after a `-`.
    order_by: Option<String>,
}

/// All tasks of a DAG.
#[utoipa::path(get, path = "/dags/{dag_id}/tasks", tag = "Task", params(("dag_id" = String, Path), TasksQuery),
    responses((status = 200, body = TaskCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError)))]
pub(super) async fn get_tasks(
    State(api): State<Api>,
    Path(dag_id): Path<String>,
    Query(query): Query<TasksQuery>,
) -> ApiResult<Json<TaskCollection>> {
    let order_by = query.order_by.unwrap_or_else(|| "task_id".to_owned());
    let (name, descends) = order_by.strip_prefix('-').map_or((order_by.as_str(), false), |name| (name, true));
    let compare = order(name).ok_or_else(|| {
        ApiError::bad_request(format!(
            "Ordering with '{name}' is disallowed or the attribute does not exist on the model"
        ))
    })?;
    let dag = load(&api, &dag_id).await?;
    let downstream = dag.downstream();
    let mut tasks: Vec<_> = (0..).take(dag.tasks.len()).map(|at| wire(&dag, &downstream, TaskIndex(at))).collect();
    tasks.sort_by(compare);
    if descends {
        tasks.reverse();
    }
    Ok(Json(TaskCollection { total_entries: tasks.len() as u64, tasks }))
}

/// One task.
#[utoipa::path(get, path = "/dags/{dag_id}/tasks/{task_id}", tag = "Task",
    params(("dag_id" = String, Path), ("task_id" = String, Path)),
    responses((status = 200, body = Task), (status = 400, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn get_task(
    State(api): State<Api>,
    Path((dag_id, task_id)): Path<(String, String)>,
) -> ApiResult<Json<Task>> {
    let dag = load(&api, &dag_id).await?;
    let index = dag.index_of(&task_id);
    let index = index.ok_or_else(|| ApiError::not_found(format!("Task with id {task_id} was not found")))?;
    Ok(Json(wire(&dag, &dag.downstream(), index)))
}

async fn load(api: &Api, dag_id: &str) -> ApiResult<Dag> {
    let dag = api.store.current_dag(dag_id).await.map_err(crate::doors::ActionError::from)?;
    dag.ok_or_else(|| missing::dag(dag_id))
}

type Compare = fn(&Task, &Task) -> Ordering;

/// What Airflow orders tasks by. What is equal stays in the order of the DAG.
fn order(name: &str) -> Option<Compare> {
    let compare: Compare = match name {
        "task_id" | "task_display_name" => |a, b| a.task_id.cmp(&b.task_id),
        "trigger_rule" => |a, b| a.trigger_rule.cmp(&b.trigger_rule),
        "depends_on_past" => |a, b| a.depends_on_past.cmp(&b.depends_on_past),
        "wait_for_downstream" => |a, b| a.wait_for_downstream.cmp(&b.wait_for_downstream),
        "retries" => |a, b| a.retries.partial_cmp(&b.retries).unwrap_or(Ordering::Equal),
        "pool" => |a, b| a.pool.cmp(&b.pool),
        "pool_slots" => |a, b| a.pool_slots.partial_cmp(&b.pool_slots).unwrap_or(Ordering::Equal),
        "execution_timeout" => |a, b| span(a.execution_timeout).cmp(&span(b.execution_timeout)),
        "retry_delay" => |a, b| span(a.retry_delay).cmp(&span(b.retry_delay)),
        "retry_exponential_backoff" => |a, b| a.retry_exponential_backoff.total_cmp(&b.retry_exponential_backoff),
        "priority_weight" => |a, b| a.priority_weight.partial_cmp(&b.priority_weight).unwrap_or(Ordering::Equal),
        "weight_rule" => |a, b| a.weight_rule.cmp(&b.weight_rule),
        "operator_name" => |a, b| a.operator_name.cmp(&b.operator_name),
        // The same for all tasks of a DAG.
        "owner" | "start_date" | "end_date" | "queue" | "ui_color" | "ui_fgcolor" => |_, _| Ordering::Equal,
        _ => return None,
    };
    Some(compare)
}

/// None is last.
fn span(delta: Option<TimeDelta>) -> (bool, i64, i64, i64) {
    delta.map_or((true, 0, 0, 0), |delta| (false, delta.days, delta.seconds, delta.microseconds))
}

fn wire(dag: &Dag, downstream: &[Vec<TaskIndex>], index: TaskIndex) -> Task {
    let task = dag.task(index);
    let class = [("module_path", json!("flowctl")), ("class_name", json!(task.operator.name()))];
    Task {
        task_id: Some(task.task_id.clone()),
        task_display_name: Some(task.task_id.clone()),
        owner: Some(dag.owner.clone()),
        start_date: dag.start_date,
        end_date: dag.end_date,
        trigger_rule: Some(task.trigger_rule.to_string()),
        depends_on_past: task.depends_on_past,
        wait_for_downstream: task.wait_for_downstream,
        retries: Some(f64::from(task.retries)),
        queue: Some(super::task_instances::DEFAULT_QUEUE.to_owned()),
        pool: Some(task.pool.clone()),
        pool_slots: Some(f64::from(task.pool_slots)),
        execution_timeout: task.execution_timeout.map(TimeDelta::from),
        retry_delay: Some(TimeDelta::from(task.retry_delay)),
        retry_exponential_backoff: task.retry_exponential_backoff.unwrap_or_default(),
        priority_weight: Some(f64::from(task.priority_weight)),
        weight_rule: Some(task.weight_rule.as_str().to_owned()),
        ui_color: Some("#fff".to_owned()),
        ui_fgcolor: Some("#000".to_owned()),
        template_fields: Some(template_fields(&task.operator).iter().map(|&key| key.to_owned()).collect()),
        downstream_task_ids: Some(downstream[index.at()].iter().map(|at| dag.task(*at).task_id.clone()).collect()),
        doc_md: task.doc_md.clone(),
        operator_name: Some(task.operator.name().to_owned()),
        params: Some(Map::new()),
        class_ref: Some(class.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        is_mapped: Some(!levels(dag, task).is_empty()),
        extra_links: Vec::new(),
        task_group_id: task.group.clone(),
    }
}

/// Keys of a DAG file whose values are templates.
const fn template_fields(operator: &Operator) -> &'static [&'static str] {
    match operator {
        Operator::Bash(_) => &["bash", "env"],
        Operator::Python(_) => &["python", "env"],
        Operator::Empty => &[],
        Operator::Branch(_) => &["branch"],
        Operator::ShortCircuit(_) => &["short_circuit"],
        Operator::Sensor(_) => &["sensor"],
        Operator::TriggerDag(_) => &["trigger_dag"],
        Operator::Approve(_) => &["approve"],
        Operator::Notify(_) => &["notify"],
    }
}

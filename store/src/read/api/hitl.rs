//! `…/hitlDetails`: questions to people, with the task instances that ask.

use jiff::Timestamp;
use model::state::TaskInstanceState;
use model::wait::{Approval, Awaited};

use super::task_instances::{TaskInstanceRow, columns, from};
use super::window::{Field, List, Window, field, firm};
use super::{
    Instant, Listing, Pattern, Range, ReadError, Statement, and_any, and_in_state, and_is, and_matches, and_readable,
    and_within,
};
use crate::Store;

/// Which questions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HitlFilter {
    /// Only of these DAGs; none: of all.
    pub readable: Option<Vec<String>>,
    /// Of this DAG.
    pub dag_id: Option<String>,
    /// Of this run.
    pub run_id: Option<String>,
    /// Of this task.
    pub task_id: Option<String>,
    /// Of this element.
    pub map_index: Option<i32>,
    /// Of this attempt.
    pub try_number: Option<i32>,
    /// What the DAG's id is like.
    pub dag_id_is: Pattern,
    /// What the task's id is like.
    pub task_id_is: Pattern,
    /// Of task instances in one of these states.
    pub states: Vec<TaskInstanceState>,
    /// Only answered ones, or only open ones.
    pub is_answered: Option<bool>,
    /// Answered by one of these.
    pub answered_by: Vec<String>,
    /// With this text in what is asked.
    pub subject: Option<String>,
    /// Asked within this time.
    pub asked_at: Range<Timestamp>,
}

/// A question, open or answered.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct HitlRow {
    /// Who asks.
    #[sqlx(flatten)]
    pub task_instance: TaskInstanceRow,
    /// The attempt that asks.
    pub asked_in: i32,
    question: String,
    /// Since when.
    pub asked_at: Instant,
    /// Until when, while it is open.
    pub deadline: Option<Instant>,
    /// What was chosen.
    pub chosen: Option<String>,
    /// By whom.
    pub answered_by: Option<String>,
    /// When.
    pub answered_at: Option<Instant>,
}

impl HitlRow {
    /// What is asked; none when this version cannot read it.
    pub fn question(&self) -> Option<Approval> {
        match serde_json::from_str(&self.question) {
            Ok(Awaited::Approval(approval)) => Some(approval),
            _ => None,
        }
    }
}

const SELECT: &str = concat!(
    "-- api.hitl_details\n",
    columns!(),
    ",
           q.try_number AS asked_in, q.question::text AS question, q.asked_at, q.deadline, q.chosen, q.answered_by,
           q.answered_at"
);
const SUBJECT: &str = "(q.question->>'prompt')";
const FROM: &str = concat!(
    from!(),
    "
      JOIN (
        SELECT w.dag_run_id, w.task_index, w.map_index, s.try_number, w.awaited AS question, w.since AS asked_at,
               w.deadline, NULL::text AS chosen, NULL::text AS answered_by, NULL::timestamptz AS answered_at
          FROM waiting w JOIN task_instance s USING (dag_run_id, task_index, map_index)
         WHERE s.state = 'awaiting_input' AND s.attempt_token = w.attempt_token
           AND NOT EXISTS (SELECT FROM approval a WHERE a.dag_run_id = s.dag_run_id
               AND a.task_index = s.task_index AND a.map_index = s.map_index AND a.try_number = s.try_number)
        UNION ALL
        SELECT dag_run_id, task_index, map_index, try_number, question, asked_at, NULL, chosen, answered_by, answered_at
          FROM approval) AS q ON q.dag_run_id = ti.dag_run_id AND q.task_index = ti.task_index
           AND q.map_index = ti.map_index"
);
const ORDER: [Field; 14] = [
    firm("ti_id", "ti.dag_run_id", "bigint"),
    field("subject", SUBJECT, "text"),
    field("responded_at", "q.answered_at", "timestamptz"),
    firm("created_at", "q.asked_at", "timestamptz"),
    field("responded_by_user_id", "q.answered_by", "text"),
    field("responded_by_user_name", "q.answered_by", "text"),
    firm("dag_id", "r.dag_id", "text"),
    firm("run_id", "r.run_id", "text"),
    field("task_display_name", "t.task_id", "text"),
    firm("run_after", "r.run_after", "timestamptz"),
    field("rendered_map_index", "n.text", "text"),
    field("task_instance_operator", "t.operator", "text"),
    firm("task_instance_state", "ti.state::text", "text"),
    firm("response_received", "(q.chosen IS NOT NULL)", "boolean"),
];
const TIE: [Field; 4] = [
    firm("id", "ti.dag_run_id", "bigint"),
    firm("task_index", "ti.task_index", "integer"),
    firm("map_index", "ti.map_index", "integer"),
    firm("try_number", "q.try_number", "integer"),
];

impl HitlFilter {
    fn conditions(&self, statement: &mut Statement) {
        statement.push(" WHERE true");
        and_readable(statement, "r.dag_id", self.readable.as_deref());
        and_is(statement, "r.dag_id", self.dag_id.clone());
        and_is(statement, "r.run_id", self.run_id.clone());
        and_is(statement, "t.task_id", self.task_id.clone());
        and_is(statement, "ti.map_index", self.map_index);
        and_is(statement, "q.try_number", self.try_number);
        self.dag_id_is.bind(statement, "r.dag_id");
        self.task_id_is.bind(statement, "t.task_id");
        and_in_state(statement, "ti.state", self.states.iter().map(|state| state.as_str()));
        and_is(statement, "(q.chosen IS NOT NULL)", self.is_answered);
        and_any(statement, "q.answered_by", &self.answered_by);
        and_matches(statement, SUBJECT, self.subject.as_deref());
        and_within(statement, "q.asked_at", &self.asked_at);
    }
}

impl Store {
    /// A part of the questions: if nothing is said, open ones first, then the newest answers.
    pub async fn api_hitl_details(&self, filter: &HitlFilter, listing: &Listing) -> Result<Window<HitlRow>, ReadError> {
        let list = List {
            select: SELECT,
            from: FROM,
            keys: None,
            of: (filter.dag_id.as_deref(), filter.run_id.as_deref()),
            count: "-- api.hitl_details_count",
            count_from: FROM,
            fields: &ORDER,
            tie: &TIE,
        };
        let mut listing = listing.clone();
        if listing.order_by.is_empty() {
            listing.order_by =
                ["response_received", "-responded_at", "created_at"].into_iter().map(str::to_owned).collect();
        }
        self.window(&list, &listing, None, |statement| filter.conditions(statement)).await
    }
}

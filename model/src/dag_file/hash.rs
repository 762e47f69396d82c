//! Whether a file's content is a new version.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::callback::{Callbacks, Deadline, Notify};
use crate::dag::Dag;
use crate::operator::{Branch, Condition, Operator, Python, ShortCircuit};
use crate::wait::Event;

/// SHA-256 of the DAG as JSON, with the keys of its mappings sorted and without line numbers: layout does not matter,
/// content does. The order of params is what a form shows, so it counts; the other mappings' order means nothing.
pub(super) fn content_hash(dag: &Dag) -> [u8; 32] {
    let mut normal = dag.clone();
    normal.env.sort_unstable_keys();
    sort(&mut normal.default_args);
    for param in normal.params.values_mut() {
        param.schema.sort_all_objects();
        param.default.iter_mut().for_each(Value::sort_all_objects);
    }
    for task in &mut normal.tasks {
        let task = Arc::make_mut(task);
        task.line = 0;
        task.env.sort_unstable_keys();
        match &mut task.operator {
            Operator::Bash(bash) => bash.env.sort_unstable_keys(),
            Operator::Python(python)
            | Operator::Branch(Branch::Python(python))
            | Operator::ShortCircuit(ShortCircuit { condition: Condition::Python(python), .. }) => {
                sort_arguments(python);
            }
            Operator::Sensor(sensor) => match &mut sensor.event {
                Event::Http(http) => http.headers.sort_unstable_keys(),
                Event::Python(python) => sort_arguments(python),
                Event::File(_) | Event::Time(_) | Event::Delta(_) | Event::Sql(_) | Event::Task(_) => {}
            },
            Operator::TriggerDag(trigger) => trigger.conf.sort_all_objects(),
            Operator::Empty
            | Operator::Branch(Branch::Expression(_))
            | Operator::ShortCircuit(ShortCircuit { condition: Condition::Expression(_), .. })
            | Operator::Approve(_) => {}
            Operator::Notify(notify) => sort_message(notify),
        }
        sort_messages(&mut task.callbacks, task.deadline.as_mut());
    }
    sort_messages(&mut normal.callbacks, normal.deadline.as_mut());
    // A DAG has no map whose keys are not texts, so it can be written.
    Sha256::digest(serde_json::to_vec(&normal).unwrap_or_default()).into()
}

fn sort_messages(callbacks: &mut Callbacks, deadline: Option<&mut Deadline>) {
    let Callbacks { on_success, on_failure, on_retry, on_skipped } = callbacks;
    let then = deadline.into_iter().flat_map(|deadline| &mut deadline.then);
    on_success.iter_mut().chain(on_failure).chain(on_retry).chain(on_skipped).chain(then).for_each(sort_message);
}

fn sort_message(notify: &mut Notify) {
    if let Notify::Webhook(webhook) = notify {
        webhook.headers.sort_unstable_keys();
        webhook.json.iter_mut().for_each(Value::sort_all_objects);
    }
}

fn sort_arguments(python: &mut Python) {
    python.args.iter_mut().for_each(Value::sort_all_objects);
    sort(&mut python.kwargs);
}

fn sort(map: &mut Map<String, Value>) {
    map.sort_keys();
    map.values_mut().for_each(Value::sort_all_objects);
}

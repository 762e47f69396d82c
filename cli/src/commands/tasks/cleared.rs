//! What a clear prints.

use api::TaskInstanceCollection;

use super::state::COLUMNS;
use crate::failure::Failure;
use crate::output::Output;

/// Prints the task instances that start over, or would.
pub(crate) fn show(output: Output, affected: &TaskInstanceCollection, is_dry: bool) -> anyhow::Result<()> {
    if affected.task_instances.is_empty() {
        return Err(Failure::failed("nothing to clear: no task instance is as asked for").into());
    }
    anstream::eprintln!("{}:", if is_dry { "would start over" } else { "cleared" });
    output.list(&affected.task_instances, &COLUMNS, affected.total_entries)
}

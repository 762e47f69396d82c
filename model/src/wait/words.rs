//! What is waited for, in words: what follows "waits for".

use std::fmt;

use super::{Approval, Awaited, OtherRun};
use crate::dag_run::isoformat;
use crate::mask::marks::hidden;

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "the file {}", hidden(path)),
            Self::Time { at } => write!(f, "{at:.0}"),
            Self::Http(request) => {
                write!(f, "{} {}", request.method, hidden(&request.url))?;
                request.conn_id.iter().try_for_each(|id| write!(f, " on `{id}`"))
            }
            Self::Sql { conn_id, .. } => write!(f, "a true value of its statement on `{conn_id}`"),
            Self::Run(other) => other.fmt(f),
            Self::Trigger(trigger) => {
                let what = if trigger.wait { "the end of run" } else { "the creation of run" };
                write!(f, "{what} `{}` of DAG `{}`", hidden(&trigger.run_id), hidden(&trigger.dag_id))
            }
            Self::Approval(approval) => approval.fmt(f),
            Self::Delivery { message } => write!(f, "the delivery of {}", hidden(&message.to_string())),
            Self::Python => f.write_str("a true value of its Python"),
        }
    }
}

impl fmt::Display for OtherRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(task_id) = &self.task_id {
            write!(f, "task `{}` in ", hidden(task_id))?;
        }
        let dag_id = hidden(&self.dag_id);
        match self.logical_date {
            Some(date) => write!(f, "the run of DAG `{dag_id}` for {}", isoformat(date))?,
            None => write!(f, "the latest run of DAG `{dag_id}`")?,
        }
        write!(f, " to be {}", self.states.join(" or "))
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a person to answer “{}” with {}", self.prompt, self.options.join(" or "))
    }
}

//! The system as a whole: the real binary, a real PostgreSQL, real processes.
#![allow(missing_docs, reason = "the names of the tests say it")]

mod chaos;
mod dag_folder;
mod output;
mod processes;
mod standalone;
mod stopping;
mod system;
mod wait;

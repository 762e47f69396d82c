//! The system as a whole: the real binary, a real PostgreSQL, real processes.
#![allow(missing_docs, reason = "the names of the tests say it")]

mod chaos;
mod commands;
mod config;
mod import;
mod local;
mod output;
mod processes;
mod services;
mod standalone;
mod stopping;
mod system;
mod wait;

//! Attempts with real processes.
#![allow(missing_docs, reason = "the names of the tests say it")]

mod bash;
mod fixture;
mod outlets;
mod output;
mod python;
mod stopping;
mod templates;

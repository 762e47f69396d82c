//! The local executor with real processes.
#![allow(missing_docs, reason = "the names of the tests say it")]

#[allow(dead_code, reason = "shared with the worker's tests, which use more of it")]
#[path = "../../../worker/tests/it/fixture.rs"]
mod fixture;
mod local;
mod orphans;

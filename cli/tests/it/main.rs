//! The system as a whole: the real binary, a real PostgreSQL, real processes.
#![allow(missing_docs, reason = "the names of the tests say it")]

mod browser;
mod chromium;
mod output;
mod processes;
mod standalone;
mod system;
mod wait;

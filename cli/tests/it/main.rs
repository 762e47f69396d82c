//! The system as a whole: the real binary, a real PostgreSQL, real processes.
#![allow(missing_docs, reason = "the names of the tests say it")]

mod browser;
mod browser_accounts;
mod chaos;
mod chromium;
mod clients;
mod commands;
mod compose;
mod config;
mod dag_folder;
mod docs;
mod import;
mod local;
mod loud;
mod output;
mod processes;
mod services;
mod standalone;
mod stopping;
mod system;
mod wait;

//! The REST API over a real database, and over a real scheduler where runs have to run.

mod access;
mod again;
mod assets;
mod auth;
mod bulk_dag_runs;
mod dag_runs;
mod dags;
mod document;
mod event_logs;
mod idempotency;
mod lists;
mod logs;
mod pools;
mod running;
mod secrets;
mod state_stores;
mod statements;
mod system;
mod task_instances;
mod world;
mod xcoms;

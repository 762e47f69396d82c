//! The REST API over a real database, and over a real scheduler where runs have to run.

mod access;
mod again;
mod airflow_api;
mod assets;
mod auth;
mod bulk_dag_runs;
mod dag_runs;
mod dags;
mod document;
mod event_logs;
mod grants;
mod idempotency;
mod lists;
mod logs;
mod oidc;
mod pools;
mod proxies;
mod running;
mod secrets;
mod sessions;
mod state_stores;
mod statements;
mod system;
mod task_instances;
mod world;
mod xcoms;

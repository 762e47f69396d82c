//! The domain of flowctl: what a DAG, a run, a task instance and an attempt are, and every rule that decides about
//! them without asking the world.
//!
//! Pure: no clock, no I/O, no async runtime, no SQL. Time, identifiers and randomness are parameters. What belongs
//! here is what the scheduler, the worker, the web server and the CLI must agree on; what only one of them knows
//! belongs there.
//!
//! How a file becomes a run, in the words of this crate:
//! 1. [`dag_file`] turns the text of a YAML file into a [`dag::Dag`], or into problems that point at its lines;
//! 2. [`timetable`] says when the next [`dag_run::NewDagRun`] is due and which data interval it covers;
//! 3. [`trigger_rule`] and [`transition`] walk its task instances from none to a finished state;
//! 4. [`template`] renders what an [`attempt::Attempt`] needs, and an [`attempt::Report`] says how it ended.

pub mod asset;
pub mod attempt;
pub mod backfill;
pub mod calendar;
pub mod callback;
pub mod connection;
pub mod dag;
pub mod dag_file;
pub mod dag_run;
pub mod duration;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod log_path;
pub mod mapping;
pub mod mask;
mod nearest;
pub mod operator;
pub mod past;
pub mod pool;
pub mod rendered;
pub mod retry;
pub mod scope;
pub mod state;
pub mod template;
pub mod timetable;
pub mod transition;
pub mod trigger_rule;
pub mod wait;
pub mod why;
pub mod xcom;

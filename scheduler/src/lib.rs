//! Decides what runs when, and writes down what it decided.
//!
//! [`plan`] is the pure part: the planner. [`leader`] is the loop around it, which touches the world only through the
//! [`ports`]. [`processor`] turns the DAG folder into DAG versions; [`service`] puts all of it together with the local
//! executor. [`memory`] is a journal without a database, for tests and for `flowctl dags test`; [`simulator`] is all of it
//! on a clock that is a number, for tests and for `flowctl dags simulate`.

mod branch;
mod causes;
mod connection;
pub mod leader;
pub mod memory;
pub mod notifier;
pub mod plan;
pub mod ports;
pub mod postgres;
pub mod processor;
pub mod question;
pub mod service;
#[cfg(test)]
mod simulation;
pub mod simulator;
pub mod waiter;

//! Decides what runs when, and writes down what it decided.
//!
//! [`plan`] is the pure part: the planner. [`leader`] is the loop around it, which touches the world only through the
//! [`ports`]. [`processor`] turns the DAG folder into DAG versions. [`service`] puts them together with the local
//! executor and PostgreSQL.

pub mod plan;

//! store
pub mod journal;

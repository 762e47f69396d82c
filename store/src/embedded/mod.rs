//! A private PostgreSQL beside flowctl, for `flowctl standalone` and for the tests: a real one, from the binaries of
//! the system, on a Unix socket in a directory that nobody else may enter.

mod binaries;
mod cluster;
mod owner;
mod server;
mod standalone;

pub use binaries::Binaries;
pub use cluster::{Cluster, ClusterError};
pub use standalone::{EmbeddedPostgres, HomeLock};

//! The web server.
pub mod layout;

//! The web server: pages for people, and the REST API for programs. It reads through the store's read models and changes through the store's
//! transactions; it never decides.

pub mod access;
mod api;
mod client_address;
mod diff;
pub mod doors;
pub mod layout;
mod log;
pub mod oidc;
pub mod pages;
mod rendered;
mod serve;
pub mod svg;
mod why;

pub use client_address::TrustedProxies;
pub use serve::{app, serve};

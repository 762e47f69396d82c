//! The web server: pages for people. It reads through the store's read models and changes through the store's
//! transactions; it never decides.

pub mod doors;
pub mod layout;
pub mod pages;
mod serve;
pub mod svg;

pub use serve::serve;

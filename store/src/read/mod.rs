//! Read models.

pub mod api;
pub mod pages;
mod rendered;

pub use rendered::Templates;

//! Read models.

pub mod api;
pub mod pages;

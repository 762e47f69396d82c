//! Read models.

pub mod pages;

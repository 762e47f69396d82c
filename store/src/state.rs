//! Values that programs keep beside task instances and assets. Nothing is decided by them.

mod asset;
mod task;
#[cfg(test)]
mod tests;

pub use task::{StateOwner, StatePage, StateValue};

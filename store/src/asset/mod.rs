//! Assets: what files say of them, what is posted from outside, and whether they are fresh.

mod clean;
mod post;
mod queue;
mod save;
#[cfg(test)]
mod tests;
mod watch;

pub use post::PostedEvent;
pub(crate) use save::save_assets;

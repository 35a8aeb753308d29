//! Step 04: layers.

mod attributes;
pub mod diff;
pub mod digest;
pub mod directories;
pub mod extract;
mod fallback;
mod lower;
mod names;
pub mod overlay;
pub mod pack;
mod remove;
pub mod store;
pub mod tar;
pub mod whiteout;

pub use remove::remove;

//! Step 04: a root file system of layers.
//!
//! An image is a stack of layers, each the difference to those below it. Its files exist once on the disk, however many
//! containers show them; what a container writes goes to a layer of its own, on top.
//!
//! | file | what it holds |
//! |---|---|
//! | `layers.rs` | the mechanism: [`Layers`] |
//! | `overlay.rs`, `fallback.rs` | the mount of many layers, and the same before Linux 6.8 |
//! | `writable.rs` | the layer that a container writes to |
//! | `whiteout.rs` | how a layer says that something is gone |
//! | `tar/` | the archive format, both ways |
//! | `extract/` | from a hostile archive to a layer |
//! | `pack.rs` | from a layer to an archive, always the same one |
//! | `diff.rs`, `lower.rs` | what a layer changes |
//! | `digest.rs`, `compression.rs` | what an archive is called, and how it travels |
//! | `store.rs`, `directories.rs` | how layers are kept: an interface, and the plain way |
//! | `target.rs` | the directory that a user has a layer unpacked into |
//! | `cli.rs`, `actions.rs` | what a user can ask for, here and in the steps to come |

pub mod actions;
mod attributes;
pub mod cli;
pub mod compression;
pub mod diff;
pub mod digest;
pub mod directories;
pub mod extract;
mod fallback;
mod layers;
pub mod lower;
mod names;
pub mod overlay;
pub mod pack;
mod remove;
pub mod store;
pub mod tar;
mod target;
pub mod whiteout;
mod writable;

pub use layers::{Layers, UNDO, Writable};
pub use remove::remove;

//! Step 05: images.

pub mod registry;

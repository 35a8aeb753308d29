//! What every step needs and none of them is about.
//!
//! `kit` knows nothing of containers. Code moves here on its third use, not before.

pub mod error;
pub mod fs;
pub mod id;
pub mod marker;
pub mod patience;
pub mod program;
pub mod roots;
pub mod sys;

pub use error::{Error, Failure, Result};
pub use marker::marker;

//! The tar format, as far as image layers use it: POSIX ustar and PAX (pax(1)), and GNU's long names and sparse files
//! (tar(5)).
//!
//! Reading is streaming, and bounded: whatever an archive claims, nothing of it is held in memory but one entry's
//! names and attributes, and these have limits ([`Limits`]).

mod entry;
mod header;
mod overrides;
mod pax;
mod reader;
mod sparse;
mod writer;

pub use entry::{Entry, Kind, Time};
pub use reader::{Limits, Reader};
pub use sparse::Extent;
pub use writer::Writer;

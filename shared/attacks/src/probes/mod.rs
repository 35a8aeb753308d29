//! The probes, by what they attack.

mod cgroups;
mod descriptors;
mod files;
mod identity;
mod kernel;
mod limits;
mod processes;
mod reach;

use crate::Probe;

/// In the order of the matrix.
pub(crate) const ALL: [&[Probe]; 8] = [
    processes::PROBES,
    descriptors::PROBES,
    reach::PROBES,
    files::PROBES,
    limits::PROBES,
    cgroups::PROBES,
    kernel::PROBES,
    identity::PROBES,
];

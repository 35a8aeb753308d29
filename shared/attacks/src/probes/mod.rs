//! The probes, by what they attack.

mod cgroups;
mod descriptors;
mod files;
mod identity;
mod kernel;
mod layers;
mod limits;
mod processes;
mod reach;
mod registries;

use crate::Probe;

/// In the order of the matrix.
pub(crate) const ALL: [&[Probe]; 10] = [
    processes::PROBES,
    descriptors::PROBES,
    reach::PROBES,
    files::PROBES,
    limits::PROBES,
    cgroups::PROBES,
    layers::PROBES,
    registries::PROBES,
    kernel::PROBES,
    identity::PROBES,
];

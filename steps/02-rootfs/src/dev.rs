//! `/dev`: exactly what the OCI runtime specification names ("Default Devices"), and no device of the host's.

use std::ffi::CStr;
use std::os::fd::AsFd;

use kit::Failure;
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mkdirat, mknodat};
use nix::unistd::symlinkat;

use crate::hints;
use crate::plan::Devices;

/// A device node: harmless ones only. `/dev/console` is there with a terminal, which makes it.
pub(crate) struct Node {
    /// Its path, in the container as on the host.
    pub(crate) path: &'static CStr,
    pub(crate) major: u64,
    pub(crate) minor: u64,
}

// ANCHOR: nodes
pub(crate) const NODES: [Node; 6] = [
    Node::new(c"/dev/null", 1, 3),
    Node::new(c"/dev/zero", 1, 5),
    Node::new(c"/dev/full", 1, 7),
    Node::new(c"/dev/random", 1, 8),
    Node::new(c"/dev/urandom", 1, 9),
    Node::new(c"/dev/tty", 5, 0),
];

/// The links, and where they lead. `ptmx` is one because each devpts has a multiplexer of its own, and that of the host
/// would open the host's terminals.
pub(crate) const LINKS: [(&CStr, &CStr); 5] = [
    (c"/dev/fd", c"/proc/self/fd"),
    (c"/dev/stdin", c"/proc/self/fd/0"),
    (c"/dev/stdout", c"/proc/self/fd/1"),
    (c"/dev/stderr", c"/proc/self/fd/2"),
    (c"/dev/ptmx", c"pts/ptmx"),
];
// ANCHOR_END: nodes

/// Places for the mounts that follow.
const DIRECTORIES: [&CStr; 3] = [c"/dev/pts", c"/dev/shm", c"/dev/mqueue"];

impl Node {
    const fn new(path: &'static CStr, major: u64, minor: u64) -> Self {
        Self { path, major, minor }
    }

    /// Its name in `/dev`.
    pub(crate) fn name(&self) -> &'static CStr {
        name(self.path)
    }
}

fn name(path: &'static CStr) -> &'static CStr {
    let slash = c"/dev/".count_bytes();
    // The rest of a string that ends in NUL ends in NUL too.
    CStr::from_bytes_with_nul(&path.to_bytes_with_nul()[slash..]).unwrap_or(path)
}

/// Fills a `/dev` that nobody sees yet. False if the nodes could not be made: then there are empty files in their
/// places, to bind the host's nodes on.
pub(crate) fn furnish(dev: impl AsFd, devices: Devices) -> Result<bool, Failure<'static>> {
    for path in DIRECTORIES {
        mkdirat(&dev, name(path), Mode::from_bits_truncate(0o755))
            .map_err(Failure::of(hints::MAKE_DEVICE, path.to_bytes()))?;
    }
    for (path, to) in LINKS {
        symlinkat(to, &dev, name(path))
            .map_err(Failure::of(hints::MAKE_DEVICE, path.to_bytes()))?;
    }
    let mut are_made = devices == Devices::Make;
    for node in &NODES {
        let make = |kind, mode, device| {
            mknodat(
                &dev,
                node.name(),
                kind,
                Mode::from_bits_truncate(mode),
                device,
            )
        };
        if are_made {
            match make(SFlag::S_IFCHR, 0o666, makedev(node.major, node.minor)) {
                // No CAP_MKNOD, or a device cgroup around us that forbids it: we are in a container ourselves.
                Err(Errno::EPERM) => are_made = false,
                made => made.map_err(Failure::of(hints::MAKE_DEVICE, node.path.to_bytes()))?,
            }
        }
        if !are_made {
            match make(SFlag::S_IFREG, 0o666, 0) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => {
                    return Err(Failure::new(
                        hints::MAKE_DEVICE,
                        node.path.to_bytes(),
                        errno,
                    ));
                }
            }
        }
    }
    Ok(are_made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_follows_dev() {
        assert_eq!(NODES[0].name(), c"null");
        assert_eq!(name(c"/dev/mqueue"), c"mqueue");
    }
}

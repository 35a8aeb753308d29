//! What the child has to be born with, as the mechanisms have asked for it before it exists.

use std::os::fd::OwnedFd;

use crate::lifetime::Lifetime;

/// What the child has to be born with. Each mechanism's `prepare` adds to it.
#[derive(Debug)]
pub struct Plan {
    /// `libc::CLONE_NEW*`, for clone3(2).
    pub flags: u64,
    /// A cgroup v2 directory that the child is born into (CLONE_INTO_CGROUP).
    pub cgroup: Option<OwnedFd>,
    /// A PID namespace that the child is born into; to enter it afterwards would only concern its children.
    pub pid_namespace: Option<OwnedFd>,
    /// Whether it has a mount namespace that is not the caller's: new, or joined.
    pub own_mounts: bool,
    /// Whether it has a user namespace that is not the caller's: new, or joined.
    pub own_user: bool,
    /// Whether it has a cgroup namespace of its own.
    pub own_cgroups: bool,
    /// What every mount of a new mount namespace is set to, recursively and before anything else: `MS_PRIVATE`, unless a
    /// mechanism wants the host's mounts to be seen inside (`MS_SLAVE`), or the other way too (`MS_SHARED`, which leaves
    /// them as they are).
    pub propagation: u64,
    /// Set by the mechanism that gives the container a root of its own: later mechanisms then find a `/dev` that
    /// belongs to the container.
    pub new_root: bool,
    /// How long the container is to live.
    pub lifetime: Lifetime,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            flags: 0,
            cgroup: None,
            pid_namespace: None,
            own_mounts: false,
            own_user: false,
            own_cgroups: false,
            propagation: libc::MS_PRIVATE,
            new_root: false,
            lifetime: Lifetime::default(),
        }
    }
}

impl Plan {
    /// Whether the child gets a new namespace of the kind `flag`, one of `libc::CLONE_NEW*`.
    pub fn has(&self, flag: libc::c_int) -> bool {
        self.flags & flag as u64 != 0
    }
}

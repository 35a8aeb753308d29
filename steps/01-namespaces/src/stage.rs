//! Where a mechanism stands in the start of a container. The spawn sorts by this, so no list can be in a wrong order.

// ANCHOR: stages
/// The places in the child's way from clone3 to execve, in their order. A mechanism says at which of them it has to do
/// something ([`Mechanism::stages`](crate::Mechanism::stages)).
///
/// ```text
///    parent   prepare ── clone3 ── attach ── first gate ───────────────── second gate ─────── wait ── undo
///                          │                    │                              │
///    child                 └────────────────────┴── enter ── session, chdir ───┴── seal ── execve
///                                                   └ JoinCgroups … Terminal       └ User, Seccomp
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The cgroups of a container that runs already, while the host's can still be seen.
    JoinCgroups,
    /// The namespaces of a container that runs already.
    Join,
    /// Namespaces of its own, and what makes them fit to live in.
    Namespaces,
    /// What will be the root file system is made.
    Root,
    /// The root file system gets its mounts.
    Mounts,
    /// All is mounted, and the host's files are still there: what needs both, such as hooks.
    Mounted,
    /// The root file system becomes the root.
    Pivot,
    /// Its own view of its cgroups.
    Cgroups,
    /// A terminal, from its own `/dev`.
    Terminal,
    /// All is there; nothing is sealed yet.
    Entered,
    /// From here on it is *seal*: the command becomes a user, and can do less after each.
    User,
    /// The last of all: a filter of system calls. Of ours it has to let execve through; sendmsg and exit_group too, if a
    /// failure of that is to be told, and what an init does, if one runs beside the command.
    Seccomp,
}
// ANCHOR_END: stages

impl Stage {
    /// Whether this is *seal*, and not *enter*.
    pub const fn is_sealing(self) -> bool {
        matches!(self, Self::User | Self::Seccomp)
    }

    /// Whether several mechanisms may stand here; they keep the order of the list.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Mounted | Self::Entered)
    }
}

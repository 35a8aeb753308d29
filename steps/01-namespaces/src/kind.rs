//! The kinds of namespaces, under their names in `/proc/PID/ns` and on the command line.

/// One kind of namespace (namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// User and group ids, and what capabilities apply to (user_namespaces(7)).
    User,
    /// Mounts (mount_namespaces(7)).
    #[value(name = "mnt", alias = "mount")]
    Mount,
    /// Process ids (pid_namespaces(7)).
    Pid,
    /// Host and domain name (uts_namespaces(7)).
    Uts,
    /// System V IPC and POSIX message queues (ipc_namespaces(7)).
    Ipc,
    /// Interfaces, addresses, routes, ports (network_namespaces(7)).
    #[value(name = "net", alias = "network")]
    Network,
    /// Where the tree of cgroups seems to begin (cgroup_namespaces(7)).
    Cgroup,
    /// Boot-time and monotonic clock (time_namespaces(7)).
    Time,
}

impl Kind {
    /// All of them, the user namespace first, because it decides what may be done to the others.
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::Mount,
        Self::Pid,
        Self::Uts,
        Self::Ipc,
        Self::Network,
        Self::Cgroup,
        Self::Time,
    ];

    /// What a container has new unless told otherwise: as Docker, all but user and time.
    pub const DEFAULT: [Self; 6] = [
        Self::Mount,
        Self::Pid,
        Self::Uts,
        Self::Ipc,
        Self::Network,
        Self::Cgroup,
    ];

    /// The flag for clone3(2), unshare(2) and setns(2).
    pub const fn flag(self) -> libc::c_int {
        match self {
            Self::User => libc::CLONE_NEWUSER,
            Self::Mount => libc::CLONE_NEWNS,
            Self::Pid => libc::CLONE_NEWPID,
            Self::Uts => libc::CLONE_NEWUTS,
            Self::Ipc => libc::CLONE_NEWIPC,
            Self::Network => libc::CLONE_NEWNET,
            Self::Cgroup => libc::CLONE_NEWCGROUP,
            // From <linux/sched.h>; `libc` does not have it for every target.
            Self::Time => 0x80,
        }
    }

    /// The file in `/proc/PID/ns`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Mount => "mnt",
            Self::Pid => "pid",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Network => "net",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// Whether clone3 makes it. The other two need something done first: the cgroup to be joined, the clocks to be set.
    pub(crate) const fn is_made_by_clone(self) -> bool {
        !matches!(self, Self::Cgroup | Self::Time)
    }
}

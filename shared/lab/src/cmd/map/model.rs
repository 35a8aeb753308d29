//! The map: plain data, and the JSON that `--json` and `--save` write.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mountinfo::Mount;

/// The kinds of namespaces, the user namespace first, because the others belong to one.
pub(super) const KINDS: [&str; 8] = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup", "time"];

/// What there is, as far as it could be seen.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Map {
    /// Whose namespaces they are.
    pub scope: Scope,
    /// The processes in the namespaces below, by pid.
    pub processes: Vec<Process>,
    /// The namespaces.
    pub namespaces: Vec<Namespace>,
    /// The mounts of each mount namespace.
    pub mounts: Vec<MountSpace>,
    /// The cgroups that the processes are in.
    pub cgroups: Vec<Cgroup>,
    /// The links of each network namespace.
    pub networks: Vec<Network>,
    /// What could not be seen, and why.
    pub unseen: Vec<String>,
}

/// Whose namespaces a map is of.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Those of whoever asks.
    #[default]
    Own,
    /// Those of this process.
    Process(i32),
    /// All that there are.
    All,
}

/// A process.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    /// Its pid in our PID namespace.
    pub pid: i32,
    /// Its name.
    pub name: String,
    /// Its pids in its own PID namespace and those between, innermost last.
    pub pids: Vec<i32>,
    /// The inode number of its namespace of each kind.
    pub namespaces: BTreeMap<String, u64>,
}

/// A namespace that some process is in, or that is the parent or the owner of one.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Namespace {
    /// `user`, `mnt`, `pid` …
    pub kind: String,
    /// Its inode number, as `/proc/PID/ns` shows it.
    pub id: u64,
    /// The namespace around it, for PID and user namespaces.
    pub parent: Option<u64>,
    /// The user namespace that it belongs to.
    pub owner: Option<u64>,
    /// The pids of the processes in it.
    pub processes: Vec<i32>,
}

/// The mounts of a mount namespace, as one of its processes sees them.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct MountSpace {
    /// The mount namespace's inode number, where it can be told.
    pub namespace: Option<u64>,
    /// The process.
    pub seen_by: i32,
    /// Its mounts, in the kernel's order.
    pub mounts: Vec<Mount>,
}

/// A cgroup.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Cgroup {
    /// `v2`, or the controllers of a v1 hierarchy (`cpu,cpuacct`, `name=systemd`).
    pub hierarchy: String,
    /// Its path in the hierarchy.
    pub path: String,
    /// The pids in it.
    pub processes: Vec<i32>,
    /// The limits that are set in it, by file.
    pub limits: BTreeMap<String, String>,
}

/// The links of a network namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Network {
    /// The network namespace's inode number.
    pub namespace: u64,
    /// Its links, in the kernel's order.
    pub links: Vec<Link>,
}

/// A network interface.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    /// Its number in the namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `veth`, `bridge`, `loopback`; empty for hardware.
    pub kind: String,
    /// Whether it is up.
    pub up: bool,
    /// Addresses with their prefix length.
    pub addresses: Vec<String>,
    /// The bridge that it is a port of.
    pub bridge: Option<String>,
    /// The other end, for a veth.
    pub peer: Option<Peer>,
}

/// The other end of a link.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Peer {
    /// Its number in its own namespace.
    pub index: u32,
    /// Its name, where its namespace is in the map.
    pub name: Option<String>,
    /// Its network namespace: none if it is one that no process we see is in.
    pub namespace: Option<u64>,
}

impl Map {
    /// The name of the process, for people.
    pub(super) fn name(&self, pid: i32) -> Option<&str> {
        let process = self.processes.iter().find(|process| process.pid == pid)?;
        Some(&process.name)
    }
}

//! Step 03: how much of the machine a container may use.
//!
//! Namespaces decide what a process sees, cgroups what it may use up: memory, processor time, processes, disk
//! bandwidth, devices. The kernel has them twice, as v2 (one tree) and as v1 (a tree for each controller), and a host
//! may have both at once. The core is told by v2; v1 is its sibling.
//!
//! | file | what it holds |
//! |---|---|
//! | `cgroup.rs` | the mechanism: [`Cgroup`] |
//! | `limits.rs`, `values.rs` | what may be asked for, by Docker's rules |
//! | `v2.rs`, `v1.rs`, `write.rs`, `apply.rs`, `files.rs` | limits as a list of writes to files, and the one applier |
//! | `layout.rs`, `group.rs` | where each controller is mounted, and our directories there |
//! | `directories.rs`, `removal.rs` | how these are made, and how they go |
//! | `devices.rs`, `program.rs` | which device nodes may be opened, as a policy and as eBPF |
//! | `inside.rs` | `/sys/fs/cgroup` in the container |
//! | `made.rs`, `record.rs` | what there is of a container, which containers there are, and cleaning up after the dead |
//! | `undo.rs` | undoing a container that another process has made |
//! | `control.rs`, `stats.rs`, `notes.rs` | freeze, thaw, kill; figures; why it ended |
//! | `join.rs` | the cgroups of a container that runs already |
//! | `actions.rs`, `show.rs`, `cli.rs` | the command line |

pub mod actions;
mod apply;
mod cgroup;
pub mod cli;
pub mod control;
mod cpuset;
pub mod devices;
mod directories;
mod explain;
mod files;
pub mod format;
mod group;
mod inside;
mod join;
mod layout;
mod limits;
mod made;
mod notes;
mod program;
pub mod record;
mod removal;
mod show;
mod stats;
mod undo;
mod v1;
mod v2;
pub mod values;
mod write;

pub use apply::apply;
pub use cgroup::Cgroup;
pub use group::{Group, Node};
pub use join::Join;
pub use layout::{Controller, Hierarchy, Layout, Version, is_enabled};
pub use limits::{Limits, Rate, Swap, Throttle};
pub use program::program;
pub use stats::Stats;
pub use undo::UNDO;
pub use v1::{device_writes, writes as v1_writes};
pub use v2::{cpu_weight, io_weight, writes as v2_writes};
pub use write::{Missing, Value, Write};

//! Step 02: a root file system of the container's own.
//!
//! A container's files are not *found*, they are *mounted*: a directory becomes a mount, the mount becomes the root,
//! and the host's root is detached. What is not mounted cannot be reached.
//!
//! - [`Mount`]: what is asked for, as the OCI runtime specification has it, and [`default_mounts`], what every container
//!   begins with;
//! - [`plan`](mod@plan): what is mounted where, as data, computed without touching anything;
//! - [`Rootfs`]: the mechanism, which carries a plan out in the child, every mount and every place a descriptor;
//! - [`Bind`] and [`Tmpfs`]: what the user adds, as it is written on the command line.
//!
//! Nothing inside the new root is ever reached by a path that the kernel looks up twice. An image, or a volume that
//! another container writes to at this very moment, is the adversary: see `inside`.

mod apply;
mod bind;
pub mod cli;
mod dangling;
mod dev;
mod filesystem;
mod hints;
mod inside;
mod masks;
mod mount;
mod options;
mod pinned;
pub mod plan;
mod propagation;
mod resolve;
mod rootfs;
mod rootless;
mod source;
pub mod table;
mod words;

pub use bind::{Bind, Tmpfs};
pub use masks::{masked_by_default, read_only_by_default};
pub use mount::{Attributes, Mount, Propagation, PropagationKind, Source, add, default_mounts};
pub use options::{Options, namespace_propagation};
pub use pinned::Pinned;
pub use plan::{MountPlan, Surroundings, plan};
pub use rootfs::Rootfs;
pub use source::{FoundRoot, Root};

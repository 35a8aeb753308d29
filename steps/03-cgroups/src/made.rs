//! What there is of a container's cgroup, in a form that can be written down: enough for any process to undo it.
//!
//! It is what the record in the run root says, and what the spawn writes down as this mechanism's leftover. So the
//! parent, the janitor, the next command after a crash, and whoever deletes a container undo the same thing in one way.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kit::{Error, Result};
use namespaces::{Exit, Leftover};
use serde::{Deserialize, Serialize};

use crate::group::{Group, PREFIX};
use crate::limits::Limits;
use crate::notes;

/// The mechanism's name.
pub(crate) const NAME: &str = "cgroups";

// ANCHOR: made
/// A container's cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The container's name.
    pub(crate) name: String,
    /// The directories, whether they are there already or not.
    pub(crate) group: Group,
    /// The limits of memory (bytes) and of processes, by which an end is explained.
    pub(crate) memory: Option<u64>,
    pub(crate) pids: Option<u64>,
    /// Whether nobody answers for it: then it is no leftover of the dead, and stays until somebody undoes it.
    pub(crate) is_detached: bool,
}
// ANCHOR_END: made

impl Made {
    pub(crate) fn new(name: &str, group: Group, limits: &Limits) -> Self {
        Self {
            name: name.to_owned(),
            group,
            memory: limits.memory,
            pids: limits.pids,
            is_detached: false,
        }
    }

    pub(crate) fn leftover(&self) -> Result<Leftover> {
        Leftover::new(NAME, self)
    }

    // ANCHOR: check
    /// It is acted upon by removing what it names, so it may name nothing but what is ours.
    ///
    /// # Errors
    /// It names something else.
    pub(crate) fn check(&self) -> Result<()> {
        let is_ours = |directory: &Path| {
            let name = directory.file_name();
            name.is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()))
        };
        let other = self.group.nodes.iter().find(|n| !is_ours(&n.directory));
        let is_a_name = !self.name.is_empty() && !self.name.contains('/') && self.name != "..";
        match other {
            Some(node) => Err(Error::new(format!(
                "{} is not a cgroup of ours",
                node.directory.display()
            ))
            .hint(
                "somebody has changed what was written down: remove the cgroup by hand, with rmdir",
            )),
            None if is_a_name => Ok(()),
            None => Err(Error::new(format!(
                "{:?} is not a container's name",
                self.name
            ))),
        }
    }
    // ANCHOR_END: check

    /// Says why the container ended, where its cgroup knows.
    pub(crate) fn explain(&self, exit: &mut Exit) {
        let limits = Limits {
            memory: self.memory,
            pids: self.pids,
            ..Limits::default()
        };
        notes::add(exit, &limits, &self.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Node;
    use crate::layout::{Controller, Version};

    fn made(directory: &str) -> Made {
        let nodes = vec![Node {
            version: Version::V1,
            controllers: vec![Controller::Cpu, Controller::Cpuacct],
            directory: directory.into(),
        }];
        Made::new("web", Group { nodes }, &Limits::default())
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let made = made("/my cgroups\n/cpu,cpuacct/drydock-web");
        assert_eq!(made.leftover().unwrap().read::<Made>().unwrap(), made);
    }

    #[test]
    fn it_names_nothing_that_is_not_ours() {
        made("/sys/fs/cgroup/drydock-a").check().unwrap();
        for directory in [
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup/drydock-a/..",
            "/",
            "",
        ] {
            let error = made(directory).check().unwrap_err().to_string();
            assert!(error.ends_with("is not a cgroup of ours"), "{error}");
        }
        for name in ["", "..", "a/b"] {
            let odd = Made {
                name: name.to_owned(),
                ..made("/sys/fs/cgroup/drydock-a")
            };
            assert!(odd.check().is_err(), "{name:?}");
        }
    }
}

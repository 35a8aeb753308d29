//! What there is of a container's cgroup, in a form that can be written down: enough for any process to undo it.
//!
//! It is what the record in the run root says, and what the spawn writes down as this mechanism's leftover. So the
//! parent, the janitor, the next command after a crash, and whoever deletes a container undo the same thing in one way.

use std::path::{Component, Path};
use std::time::{SystemTime, UNIX_EPOCH};

use kit::{Error, Result};
use namespaces::{Exit, Leftover};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, fstatfs};
use serde::{Deserialize, Serialize};

use crate::group::{Group, PREFIX};
use crate::limits::Limits;
use crate::{notes, values};

/// The mechanism's name.
pub(crate) const NAME: &str = "cgroups";

// ANCHOR: made
/// A container's cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The container's name.
    pub(crate) name: String,
    /// What no other container has: the name may be another's by the time that this is undone.
    pub(crate) id: String,
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
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            name: name.to_owned(),
            // No two processes have had one pid at one moment. A random number would cost three system calls.
            id: format!(
                "{}.{}",
                since_1970.unwrap_or_default().as_nanos(),
                std::process::id()
            ),
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
    /// It is acted upon by killing and removing what it names, so it may name nothing but what is ours: cgroups of this
    /// name.
    ///
    /// # Errors
    /// It names something else.
    pub(crate) fn check(&self) -> Result<()> {
        if let Err(reason) = values::name(&self.name) {
            let name = &self.name;
            return Err(Error::new(format!("{name:?} is not a container's name")).hint(reason));
        }
        let directory = format!("{PREFIX}{}", self.name);
        let mut nodes = self.group.nodes.iter();
        match nodes.find(|node| !is_cgroup(&node.directory, &directory)) {
            Some(node) => Err(Error::new(format!(
                "{} is not a cgroup of ours",
                node.directory.display()
            ))
            .hint(
                "somebody has changed what was written down: remove the cgroup by hand, with rmdir",
            )),
            None => Ok(()),
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

/// Whether it is a cgroup by this name, or is gone. A file of the name `cgroup.procs` can be anywhere, and hold any pid.
fn is_cgroup(path: &Path, name: &str) -> bool {
    let has_detour = path.components().any(|part| part == Component::ParentDir);
    if !path.is_absolute() || has_detour || path.file_name() != Some(name.as_ref()) {
        return false;
    }
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match open(path, flags, Mode::empty()) {
        Err(errno) => errno == Errno::ENOENT,
        Ok(directory) => fstatfs(&directory).is_ok_and(|found| {
            [CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC].contains(&found.filesystem_type())
        }),
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
        // One that is gone is looked at no further.
        made("/sys/fs/cgroup/drydock-web").check().unwrap();
        let here = tempfile::tempdir().unwrap();
        let directory = here.path().join("drydock-web");
        std::fs::create_dir(&directory).unwrap();
        let link = here.path().join("link/drydock-web");
        std::fs::create_dir(here.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/sys/fs/cgroup", &link).unwrap();
        for directory in [
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup/drydock-db",
            "/sys/fs/cgroup/drydock-web/..",
            "/sys/fs/cgroup/../cgroup/drydock-web",
            "drydock-web",
            "/",
            "",
            directory.to_str().unwrap(),
            link.to_str().unwrap(),
        ] {
            let error = made(directory).check().unwrap_err().to_string();
            assert!(error.ends_with("is not a cgroup of ours"), "{error}");
        }
        for name in ["", ".", "..", "a/b", ".web.1", "we b"] {
            let odd = Made {
                name: name.to_owned(),
                ..made("/sys/fs/cgroup/drydock-web")
            };
            assert!(odd.check().is_err(), "{name:?}");
        }
    }
}

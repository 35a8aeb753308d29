//! Joining the cgroups of a container that runs already.

use std::fs;
use std::os::fd::OwnedFd;

use kit::{Error, Failure, Result};
use namespaces::{Inside, Mechanism, Plan, Stage};
use nix::unistd::{Pid, write};

use crate::cgroup::{open_cgroup, open_tasks};
use crate::control::is_directory_frozen;
use crate::group::Node;
use crate::layout::{Layout, Version};

/// Puts the command into the cgroups of a process, so that the container's limits hold for it too.
#[derive(Debug)]
pub struct Join {
    pid: Pid,
    tasks: Vec<OwnedFd>,
}

impl Join {
    /// The cgroups of the process `pid`.
    pub fn new(pid: Pid) -> Self {
        Self {
            pid,
            tasks: Vec::new(),
        }
    }
}

impl Mechanism for Join {
    fn name(&self) -> &'static str {
        "join cgroups"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::JoinCgroups]
    }

    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        let path = format!("/proc/{}/cgroup", self.pid);
        let theirs = fs::read(&path).map_err(|e| Error::io("look at", &path, &e))?;
        let layout = Layout::read()?;
        for hierarchy in layout.unified.iter().chain(&layout.v1) {
            let Some(directory) = hierarchy.directory_of(&theirs) else {
                continue;
            };
            // Where it is with us, there is nowhere to go.
            if hierarchy.own.as_ref() == Some(&directory) {
                continue;
            }
            if is_directory_frozen(&directory, hierarchy.version) {
                return Err(Error::new(format!(
                    "process {} is frozen, and who enters would be too",
                    self.pid
                ))
                .hint("`cgroups thaw NAME` lets the container go on; `cgroups ls` has the names"));
            }
            let node = Node {
                version: hierarchy.version,
                controllers: Vec::new(),
                directory,
            };
            match hierarchy.version {
                Version::V2 => plan.cgroup = Some(open_cgroup(&node)?),
                Version::V1 => self.tasks.push(open_tasks(&node)?),
            }
        }
        Ok(())
    }

    fn enter(&self, _: Stage, _: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        for tasks in &self.tasks {
            write(tasks, b"0").map_err(Failure::of(
                "join the container's cgroup by its file",
                b"tasks",
            ))?;
        }
        Ok(())
    }
}

//! The directories of a container's cgroup: which they are, and how they are made.

use std::fs;
use std::path::Path;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::mkdir;

use crate::explain;
use crate::files::{get, open_directory, put};
use crate::group::{Group, Node, PREFIX};
use crate::layout::{Controller, Hierarchy, Layout, Version};
use crate::removal::remove_tree;

/// What every container has, limited or not, because statistics and the device policy are made of it.
const ALWAYS: [Controller; 6] = [
    Controller::Cpu,
    Controller::Cpuacct,
    Controller::Memory,
    Controller::Pids,
    Controller::Io,
    Controller::Devices,
];

impl Group {
    /// Chooses the directories for the container `name` below `parent` (or at the base of each hierarchy), such that
    /// all of `asked` is there; nothing is made.
    ///
    /// The directories stand flat, `drydock-NAME` beside each other: a common parent of their own would have to be
    /// made by the first and removed by the last container, and they would race for it. Whoever wants one, for a limit
    /// on all of them together, makes it and names it.
    ///
    /// # Errors
    /// A controller that is in no hierarchy, or in one where we may not write: with the option that asked for it.
    pub fn choose(
        layout: &Layout,
        name: &str,
        parent: Option<&Path>,
        asked: &[(Controller, &'static str)],
    ) -> Result<Self> {
        let is_wanted =
            |c: &Controller| ALWAYS.contains(c) || asked.iter().any(|(asked, _)| asked == c);
        let has_unified = layout
            .unified
            .as_ref()
            .is_some_and(|v2| v2.base().is_some());
        let mut group = Self::default();
        for hierarchy in layout.unified.iter().chain(&layout.v1) {
            let is_needed = match hierarchy.version {
                // Useful without a controller: to be born into, to freeze and to kill.
                Version::V2 => true,
                // v1 has a controller for the latter two.
                Version::V1 => hierarchy
                    .controllers
                    .iter()
                    .any(|c| is_wanted(c) || (*c == Controller::Freezer && !has_unified)),
            };
            if let (true, Some(base)) = (is_needed, hierarchy.base()) {
                let parent = parent.map_or(base.to_owned(), |parent| base.join(parent));
                group.nodes.push(Node {
                    version: hierarchy.version,
                    controllers: used(layout, hierarchy, is_wanted),
                    directory: parent.join(format!("{PREFIX}{name}")),
                });
            }
        }
        match asked.iter().find(|(c, _)| group.node(*c).is_none()) {
            Some((controller, option)) => Err(explain::missing(*controller, option, layout)),
            None => Ok(group),
        }
    }

    /// Makes the directories, and on v2 has the ones above hand out their controllers.
    ///
    /// # Errors
    /// What the kernel refuses, with the likely reason.
    pub fn create(&self, layout: &Layout, asked: &[(Controller, &'static str)]) -> Result<()> {
        for node in &self.nodes {
            if node.version == Version::V2 {
                let top = layout.unified.as_ref().and_then(Hierarchy::base);
                hand_out(node, top.unwrap_or(Path::new("/")), asked)?;
            }
            make(&node.directory).map_err(|errno| explain::make(node, errno))?;
        }
        Ok(())
    }
}

/// The controllers that are used in `hierarchy`: on v1 they come together, on v2 each is enabled by itself, and what it
/// has without a controller is there unless v1 has it.
fn used(
    layout: &Layout,
    hierarchy: &Hierarchy,
    is_wanted: impl Fn(&Controller) -> bool,
) -> Vec<Controller> {
    match hierarchy.version {
        Version::V1 => hierarchy.controllers.clone(),
        Version::V2 => Controller::ALL
            .into_iter()
            .filter(|c| is_wanted(c) || c.v2_name().is_none())
            .filter(|c| layout.find(*c) == Some(hierarchy))
            .collect(),
    }
}

/// A directory by our name without a record is a leftover of a time whose records are gone: taken over if it is empty.
fn make(directory: &Path) -> nix::Result<()> {
    let mode = Mode::from_bits_truncate(0o755);
    match mkdir(directory, mode) {
        Err(Errno::EEXIST) => {
            remove_tree(directory)?;
            mkdir(directory, mode)
        }
        other => other,
    }
}

/// A v2 cgroup has the controllers that its parent lists in `cgroup.subtree_control`, and the parent can only list what
/// *its* parent gives: so from the top down.
fn hand_out(node: &Node, top: &Path, asked: &[(Controller, &'static str)]) -> Result<()> {
    let names = |wanted: &dyn Fn(Controller) -> bool| -> Vec<&'static str> {
        let controllers = node.controllers.iter().filter(|c| wanted(**c));
        controllers.filter_map(|c| c.v2_name()).collect()
    };
    let all = names(&|_| true);
    let needed = names(&|c| asked.iter().any(|(asked, _)| *asked == c));
    let parent = node.directory.parent().unwrap_or(top);
    let below = parent.strip_prefix(top).unwrap_or(Path::new(""));
    let mut level = top.to_owned();
    enable(&level, &all, &needed)?;
    for part in below {
        level.push(part);
        enable(&level, &all, &needed)?;
    }
    Ok(())
}

/// Enables `all` in one cgroup; if the kernel does not let it have some, then at least what is `needed`.
fn enable(level: &Path, all: &[&str], needed: &[&str]) -> Result<()> {
    let directory = open_directory(level).map_err(explain::no_parent)?;
    let file = "cgroup.subtree_control";
    let enabled =
        get(&directory, file).map_err(|errno| Error::sys("read", level.join(file), errno))?;
    let missing = |names: &[&str]| -> String {
        let names = names
            .iter()
            .filter(|name| !enabled.split_whitespace().any(|e| e == **name));
        names.map(|name| format!("+{name} ")).collect()
    };
    let all = missing(all);
    if all.is_empty() {
        return Ok(());
    }
    let first = put(&directory, file, all.trim_end());
    let first = match first {
        // The rule of no internal processes: who hands out controllers may hold no processes.
        Err(Errno::EBUSY) => {
            move_to_leaf(level).and_then(|()| put(&directory, file, all.trim_end()))
        }
        other => other,
    };
    match (first, missing(needed)) {
        (Ok(()), _) => Ok(()),
        (Err(_), needed) if needed.is_empty() => Ok(()),
        (Err(_), needed) => put(&directory, file, needed.trim_end())
            .map_err(|errno| explain::enable(level, needed.trim_end(), errno)),
    }
}

/// Moves the processes of `level` into a child of it, `drydock.leaf`: ourselves in a delegated cgroup, the init of the
/// container in which we run nested. It stays, for they live in it.
fn move_to_leaf(level: &Path) -> nix::Result<()> {
    let leaf = level.join("drydock.leaf");
    match mkdir(&leaf, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno),
    }
    let io = |e: std::io::Error| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    // Between reading and moving a process may fork, so look again until none is left.
    for _ in 0..100 {
        let processes = fs::read_to_string(level.join("cgroup.procs")).map_err(io)?;
        if processes.is_empty() {
            return Ok(());
        }
        for pid in processes.lines() {
            match fs::write(leaf.join("cgroup.procs"), pid).map_err(io) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Err(Errno::EBUSY)
}

#[cfg(test)]
mod tests;

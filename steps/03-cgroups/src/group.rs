//! A container's cgroup, as data: one directory in each hierarchy that it needs.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::layout::{Controller, Version};

/// The directories, the one of v2 first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Group {
    /// At most one of v2, and one per v1 hierarchy.
    pub nodes: Vec<Node>,
}

/// The directory in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The hierarchy's interface.
    pub version: Version,
    /// The controllers that are used in it.
    pub controllers: Vec<Controller>,
    /// `…/drydock-NAME`.
    pub directory: PathBuf,
}

/// Our directories' names begin so: nothing else is ever removed.
pub(crate) const PREFIX: &str = "drydock-";

impl Group {
    /// The directory in which `controller` is used.
    pub fn node(&self, controller: Controller) -> Option<&Node> {
        self.nodes
            .iter()
            .find(|node| node.controllers.contains(&controller))
    }

    /// The directory of v2.
    pub fn unified(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.version == Version::V2)
    }
}

/// The cgroups directly below.
pub(crate) fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

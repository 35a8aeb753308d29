//! What `/proc` says about one process.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::mountinfo::{self, Mount};

/// A process, by its pid in our PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proc(pub i32);

impl Proc {
    /// `/proc/PID/FILE`.
    pub(crate) fn path(self, file: &str) -> PathBuf {
        format!("/proc/{}/{file}", self.0).into()
    }

    /// The text of a file; empty if it cannot be read.
    pub(crate) fn read(self, file: &str) -> String {
        fs::read(self.path(file))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// What a link of it points to.
    pub(crate) fn link(self, file: &str) -> Option<PathBuf> {
        fs::read_link(self.path(file)).ok()
    }

    /// The fields of `status`.
    pub(crate) fn status(self) -> BTreeMap<String, String> {
        let text = self.read("status");
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect()
    }

    /// One field of `status`.
    pub(crate) fn field(self, name: &str) -> Option<String> {
        self.status().remove(name)
    }

    /// The effective user, group, and whether it could be told.
    pub(crate) fn ids(self) -> Option<(u32, u32)> {
        let status = self.status();
        let effective = |name: &str| status.get(name)?.split_whitespace().nth(1)?.parse().ok();
        Some((effective("Uid")?, effective("Gid")?))
    }

    /// The effective capabilities, a bit each (capabilities(7)).
    pub(crate) fn capabilities(self) -> Option<u64> {
        u64::from_str_radix(&self.field("CapEff")?, 16).ok()
    }

    /// The inode number of its namespace of this kind (`user`, `mnt` …).
    pub(crate) fn namespace(self, kind: &str) -> Option<u64> {
        fs::metadata(self.path(&format!("ns/{kind}")))
            .ok()
            .map(|file| file.ino())
    }

    /// Its mounts.
    pub(crate) fn mounts(self) -> Vec<Mount> {
        mountinfo::parse(&self.read("mountinfo"))
    }

    /// Its name.
    pub(crate) fn name(self) -> String {
        self.read("comm").trim_end().to_owned()
    }

    /// All processes that there are.
    pub(crate) fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let mut all: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        all.sort_unstable();
        all.into_iter().map(Self).collect()
    }
}

//! The one applier of lists of writes.

use std::os::fd::OwnedFd;
use std::path::Path;

use kit::{Error, Result};
use nix::errno::Errno;

use crate::explain;
use crate::files::{open_directory, put};
use crate::group::{Group, Node};
use crate::write::{Missing, Value, Write};

/// Carries the list out.
///
/// # Errors
/// The first write that the kernel refuses, with the option that asked for it and the likely reason.
pub fn apply(writes: &[Write], group: &Group) -> Result<()> {
    let mut opened: Option<(&Node, OwnedFd)> = None;
    for write in writes {
        let node = group
            .node(write.controller)
            .ok_or_else(|| Error::new(format!("{} has no cgroup to write to", write.option)))?;
        // Neighbours in the list are mostly neighbours in the file system.
        let directory = match &opened {
            Some((last, directory)) if std::ptr::eq(*last, node) => directory,
            _ => &opened.insert((node, open_directory(&node.directory)?)).1,
        };
        apply_one(write, node, directory)?;
    }
    Ok(())
}

fn apply_one(write: &Write, node: &Node, directory: &OwnedFd) -> Result<()> {
    let value = match &write.value {
        Value::Text(text) => text.clone(),
        Value::OfParent => of_parent(node, &write.file)?,
    };
    match (put(directory, &write.file, &value), &write.missing) {
        (Ok(()), _) | (Err(Errno::ENOENT), Missing::Skip) => Ok(()),
        (Err(Errno::ENOENT), Missing::Instead(other, value)) => put(directory, other, value)
            .map_err(|errno| explain::write(write, node, other, value, errno)),
        (Err(errno), _) => Err(explain::write(write, node, &write.file, &value, errno)),
    }
}

fn of_parent(node: &Node, file: &str) -> Result<String> {
    let path = node.directory.parent().unwrap_or(Path::new("/")).join(file);
    std::fs::read_to_string(&path)
        .map(|text| text.trim_end().to_owned())
        .map_err(|e| Error::io("read", &path, &e))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::layout::Controller;
    use crate::limits::{Limits, Rate, Swap, Throttle};

    /// A list as a person reads it.
    pub(crate) fn show(writes: &[Write]) -> String {
        let line = |write: &Write| {
            let value = match &write.value {
                Value::Text(text) => text,
                Value::OfParent => "(the parent's)",
            };
            let missing = match &write.missing {
                Missing::Refuse => String::new(),
                Missing::Skip => "  (if there)".to_owned(),
                Missing::Instead(file, value) => format!("  (else {file} = {value})"),
            };
            format!("{} = {value}{missing}\n", write.file)
        };
        writes.iter().map(line).collect()
    }

    /// Every limit there is.
    pub(crate) fn everything() -> Limits {
        let throttle = |rate, limit| Throttle {
            major: 8,
            minor: 16,
            rate,
            limit,
        };
        Limits {
            memory: Some(64 << 20),
            swap: Swap::Total(96 << 20),
            reservation: Some(32 << 20),
            nano_cpus: Some(1_500_000_000),
            cpu_quota: None,
            cpu_period: None,
            cpu_shares: Some(512),
            cpuset_cpus: Some("0-1".to_owned()),
            cpuset_mems: None,
            pids: Some(10),
            io_weight: Some(500),
            throttle: vec![
                throttle(Rate::ReadBytes, 1 << 20),
                throttle(Rate::WriteBytes, 2 << 20),
                throttle(Rate::ReadOperations, 100),
                throttle(Rate::WriteOperations, 200),
            ],
            hugetlb: vec![("2MB".to_owned(), 64 << 20)],
        }
    }

    #[test]
    fn a_write_goes_to_the_file_or_to_the_other_one() {
        let directory = tempfile::tempdir().unwrap();
        let node = Node {
            version: crate::layout::Version::V2,
            controllers: vec![Controller::Io],
            directory: directory.path().to_owned(),
        };
        std::fs::write(directory.path().join("io.weight"), "").unwrap();
        let group = Group { nodes: vec![node] };
        let limits = Limits {
            io_weight: Some(10),
            ..Limits::default()
        };
        apply(&crate::v2::writes(&limits), &group).unwrap();
        let written = std::fs::read_to_string(directory.path().join("io.weight")).unwrap();
        assert_eq!(written, "1");
    }

    #[test]
    fn a_missing_file_is_refused_unless_it_may_be_missing() {
        let directory = tempfile::tempdir().unwrap();
        let node = Node {
            version: crate::layout::Version::V2,
            controllers: vec![Controller::Memory],
            directory: directory.path().to_owned(),
        };
        let group = Group { nodes: vec![node] };
        let default = Limits {
            swap: Swap::Unlimited,
            ..Limits::default()
        };
        apply(&crate::v2::writes(&default), &group).unwrap();
        let asked = Limits {
            memory: Some(64 << 20),
            ..Limits::default()
        };
        let error = apply(&crate::v2::writes(&asked), &group).unwrap_err();
        assert!(error.to_string().contains("--memory"), "{error}");
    }
}

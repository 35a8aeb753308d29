//! A plan as people and programs read it, in the columns of findmnt(8).

use std::fmt;

use serde::Serialize;

use crate::dev::{LINKS, NODES};
use crate::plan::{Devices, Entry, FileSystem, MountPlan, What};
use crate::rootless;
use crate::source::FoundRoot;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The place in the container.
    pub target: String,
    /// What is seen there.
    pub source: String,
    /// The file system's type, or how the place is made.
    #[serde(rename = "type")]
    pub kind: String,
    /// Mount attributes first, then the file system's own options.
    pub options: Vec<String>,
}

/// A whole plan, in its order; shown as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Table {
    /// The lines.
    pub rows: Vec<Row>,
}

impl Table {
    /// The table of `plan` for the root file system `root`.
    pub fn new(root: &FoundRoot, plan: &MountPlan) -> Self {
        let (source, kind) = match root {
            FoundRoot::Directory(directory) => (text(directory.path()), "bind"),
            FoundRoot::Made => ("made before".to_owned(), "mount"),
        };
        let mut rows = vec![Row::new("/", source, kind, vec![writable(plan.read_only)])];
        rows.extend(plan.entries.iter().flat_map(of_entry));
        Self { rows }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Row) -> usize, title: &str| {
            self.rows.iter().map(of).max().unwrap_or(0).max(title.len())
        };
        let target = width(|row| row.target.chars().count(), "TARGET");
        let source = width(|row| row.source.chars().count(), "SOURCE");
        let kind = width(|row| row.kind.chars().count(), "TYPE");
        let mut line = |a: &str, b: &str, c: &str, d: &str| {
            writeln!(
                f,
                "{}",
                format!("{a:target$}  {b:source$}  {c:kind$}  {d}").trim_end()
            )
        };
        line("TARGET", "SOURCE", "TYPE", "OPTIONS")?;
        for row in &self.rows {
            line(&row.target, &row.source, &row.kind, &row.options.join(","))?;
        }
        Ok(())
    }
}

impl Row {
    fn new(target: &str, source: String, kind: &str, options: Vec<String>) -> Self {
        Self {
            target: target.to_owned(),
            source,
            kind: kind.to_owned(),
            options,
        }
    }
}

fn of_entry(entry: &Entry) -> Vec<Row> {
    let target = text(entry.target.to_bytes());
    match &entry.what {
        What::FileSystem(fs) => {
            let mut rows = vec![of_file_system(&target, fs)];
            rows.extend(fs.devices.into_iter().flat_map(of_devices));
            rows
        }
        What::Bind {
            source,
            attributes: wanted,
            propagation,
            ..
        } => {
            let mut options = attributes(wanted.of_a_new_mount());
            options.extend(propagation.map(|propagation| propagation.word().to_owned()));
            vec![Row::new(&target, text(source.path()), "bind", options)]
        }
        What::Mask => vec![Row::new(&target, "nothing".into(), "mask", if_it_exists())],
        What::Volume { .. } => vec![Row::new(
            &target,
            "itself".into(),
            "bind",
            vec![writable(false)],
        )],
        What::Directory => vec![Row::new(&target, "itself".into(), "directory", vec![])],
        What::ReadOnly => {
            let mut options = vec![writable(true)];
            options.extend(if_it_exists());
            vec![Row::new(&target, "itself".into(), "bind", options)]
        }
    }
}

fn of_file_system(target: &str, fs: &FileSystem) -> Row {
    let kind = text(fs.kind.to_bytes());
    let attributes = attributes(fs.attributes);
    match rootless::of_the_host(&fs.kind) {
        Some((path, _)) if fs.of_the_host => {
            Row::new(target, text(path.to_bytes()), "bind", attributes)
        }
        _ => {
            let options = fs.options.iter().map(|(key, value)| match value {
                Some(value) => format!("{}={}", text(key.to_bytes()), text(value.to_bytes())),
                None => text(key.to_bytes()),
            });
            Row::new(
                target,
                text(fs.source.to_bytes()),
                &kind,
                attributes.into_iter().chain(options).collect(),
            )
        }
    }
}

fn of_devices(devices: Devices) -> Vec<Row> {
    let nodes = NODES.iter().map(|node| {
        let path = text(node.path.to_bytes());
        match devices {
            Devices::Make => {
                let number = format!("{}:{}", node.major, node.minor);
                Row::new(&path, number, "device", vec!["mode=666".into()])
            }
            Devices::Bind => Row::new(&path, path.clone(), "bind", vec![writable(false)]),
        }
    });
    let links = LINKS
        .iter()
        .map(|(path, to)| Row::new(&text(path.to_bytes()), text(to.to_bytes()), "link", vec![]));
    nodes.chain(links).collect()
}

fn attributes(attributes: u64) -> Vec<String> {
    let mut names = vec![writable(attributes & libc::MOUNT_ATTR_RDONLY != 0)];
    let flags = [
        (libc::MOUNT_ATTR_NOSUID, "nosuid"),
        (libc::MOUNT_ATTR_NODEV, "nodev"),
        (libc::MOUNT_ATTR_NOEXEC, "noexec"),
        (libc::MOUNT_ATTR_NOATIME, "noatime"),
        (libc::MOUNT_ATTR_STRICTATIME, "strictatime"),
        (libc::MOUNT_ATTR_NODIRATIME, "nodiratime"),
        (libc::MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"),
    ];
    names.extend(
        flags
            .iter()
            .filter(|(flag, _)| attributes & flag != 0)
            .map(|(_, name)| (*name).to_owned()),
    );
    names
}

fn writable(read_only: bool) -> String {
    if read_only { "ro" } else { "rw" }.to_owned()
}

fn if_it_exists() -> Vec<String> {
    vec!["if it exists".to_owned()]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

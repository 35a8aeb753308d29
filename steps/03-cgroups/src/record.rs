//! Which containers there are: one file for each in the run root, held locked by whoever answers for its cgroups.
//!
//! The lock is the truth. The kernel takes it away when the last holder dies, however it dies, so a record that can be
//! locked is that of a container whose parent and janitor are both dead: whoever finds it cleans up. No pid is stored
//! that could belong to another process by now, and no boot is: the run root does not outlive it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::control;
use crate::group::{Group, Node, PREFIX};
use crate::layout::{Controller, Version};

/// The record of a container that is ours, and its lock.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: File,
}

/// Where the records are.
fn directory() -> PathBuf {
    kit::roots::run().join("cgroups")
}

impl Record {
    /// Takes `name` for a container in `group`, none of whose directories need exist yet: so whatever is made later is
    /// on record first. The file appears complete and locked, by a rename.
    ///
    /// # Errors
    /// A container of this name runs already, or the run root cannot be written.
    pub fn claim(name: &str, group: &Group) -> Result<Self> {
        let directory = directory();
        let path = directory.join(name);
        let draft = directory.join(format!(".{name}.{}", std::process::id()));
        // Somebody may be cleaning up after a dead namesake: that takes a moment.
        for _ in 0..20 {
            let file = draft_of(&directory, &draft)?;
            // A sweep that takes the draft for a dead container's removes it, which the rename notices.
            let written = file.try_lock().is_ok() && (&file).write_all(&encode(group)).is_ok();
            match renameat2(
                AT_FDCWD,
                &draft,
                AT_FDCWD,
                &path,
                RenameFlags::RENAME_NOREPLACE,
            ) {
                Ok(()) if written => return Ok(Self { path, file }),
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(Errno::EEXIST) => {
                    let _ = fs::remove_file(&draft);
                    sweep_one(&path);
                    sleep(Duration::from_millis(if path.exists() { 10 } else { 0 }));
                }
                Err(errno) => return Err(Error::sys("write the record", &path, errno)),
            }
        }
        Err(Error::new(format!(
            "Conflict. The container name \"{name}\" is already in use"
        ))
        .hint("take another --name, or end the one that has it: `cgroups ls`, `cgroups kill NAME`"))
    }

    /// The locked file, for the janitor to keep.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the name back. The directories must be gone.
    pub fn forget(&self) {
        // ENOENT: the run root was removed under us, and the record with it.
        let _ = fs::remove_file(&self.path);
    }
}

/// A new file by another name; the directory is made if it is missing.
fn draft_of(directory: &Path, draft: &Path) -> Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).open(draft);
    open()
        .or_else(|e| match e.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) => {
                // Not for others to read: names are the users' business.
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(directory)?;
                open()
            }
            // Our own pid, of a process that is dead.
            Some(Errno::EEXIST) => {
                fs::remove_file(draft)?;
                open()
            }
            _ => Err(e),
        })
        .map_err(|e| {
            Error::io("write to the run root", directory, &e)
                .hint("run it with sudo, or set DRYDOCK_RUN to a directory of your own")
        })
}

/// The containers on record, by name, after a [`sweep`].
///
/// # Errors
/// A run root that we may not read: "none" would not be true.
pub fn all() -> Result<Vec<(String, Group)>> {
    sweep();
    let mut all: Vec<(String, Group)> = names()?
        .into_iter()
        .filter_map(|name| {
            let text = fs::read(directory().join(&name)).ok()?;
            Some((name.into_string().ok()?, decode(&text)?))
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

/// The container of this name. The 12 digits that stand for a container without a name may be cut short, as long as one
/// container is meant; a name may not, or `kill web` would hit `web-db` once `web` has ended.
///
/// # Errors
/// There is none, or more than one; then they are listed.
pub fn find(name: &str) -> Result<(String, Group)> {
    let mut found = all()?;
    if let Some(at) = found.iter().position(|(other, _)| other == name) {
        return Ok(found.swap_remove(at));
    }
    found.retain(|(other, _)| !name.is_empty() && is_id(other) && other.starts_with(name));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(format!("No such container: {name}"))
            .hint("`cgroups ls` lists those that run")),
        _ => {
            let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
            Err(Error::new(format!(
                "{name} could be any of: {}",
                names.join(", ")
            )))
        }
    }
}

/// Cleans up after the dead: kills what is left of each container that nobody answers for, and removes its cgroups.
/// What cannot be removed now is left to the next sweep.
pub fn sweep() {
    let directory = directory();
    for name in every_name().unwrap_or_default() {
        sweep_one(&directory.join(name));
    }
}

fn sweep_one(path: &Path) {
    let Ok(mut file) = File::open(path) else {
        return;
    };
    // Locked by a living owner; or unlocked and removed since we opened it.
    if matches!(
        file.try_lock(),
        Err(TryLockError::WouldBlock | TryLockError::Error(_))
    ) || file.metadata().map_or(0, |m| m.nlink()) == 0
    {
        return;
    }
    let mut text = Vec::new();
    let is_clean = match file.read_to_end(&mut text).ok().and_then(|_| decode(&text)) {
        Some(group) => control::kill(&group).and_then(|()| group.remove()).is_ok(),
        // A draft, written halfway: nothing was made of it.
        None => true,
    };
    if is_clean {
        let _ = fs::remove_file(path);
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn every_name() -> Result<Vec<OsString>> {
    let directory = directory();
    match fs::read_dir(&directory) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.file_name()).collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Error::io("list the containers in", &directory, &e)
            .hint("run it with sudo, or set DRYDOCK_RUN to the directory that the containers were started with")),
    }
}

/// Without drafts.
fn names() -> Result<Vec<OsString>> {
    let mut names = every_name()?;
    names.retain(|name| !name.as_bytes().starts_with(b"."));
    Ok(names)
}

/// `v1 memory,pids PATH`, each ended by a NUL, which no path can hold: `tr '\0' '\n'` shows it, as with
/// `/proc/PID/environ`.
fn encode(group: &Group) -> Vec<u8> {
    let mut text = Vec::new();
    for node in &group.nodes {
        let version = match node.version {
            Version::V1 => "v1",
            Version::V2 => "v2",
        };
        let names: Vec<_> = node.controllers.iter().map(|c| c.v1_name()).collect();
        text.extend_from_slice(format!("{version} {} ", names.join(",")).as_bytes());
        text.extend_from_slice(node.directory.as_os_str().as_bytes());
        text.push(0);
    }
    text
}

fn decode(text: &[u8]) -> Option<Group> {
    let nodes = text
        .strip_suffix(b"\0")?
        .split(|byte| *byte == 0)
        .map(decode_node);
    Some(Group {
        nodes: nodes.collect::<Option<_>>()?,
    })
}

fn decode_node(text: &[u8]) -> Option<Node> {
    let mut fields = text.splitn(3, |byte| *byte == b' ');
    let version = match fields.next()? {
        b"v1" => Version::V1,
        b"v2" => Version::V2,
        _ => return None,
    };
    let names: Vec<&[u8]> = fields.next()?.split(|byte| *byte == b',').collect();
    let directory = PathBuf::from(OsString::from_vec(fields.next()?.to_vec()));
    // A record is acted upon by removing what it names, so it may name nothing but what is ours.
    let is_ours = directory
        .file_name()
        .is_some_and(|name: &OsStr| name.as_bytes().starts_with(PREFIX.as_bytes()));
    is_ours.then(|| Node {
        version,
        controllers: Controller::ALL
            .into_iter()
            .filter(|c| names.contains(&c.v1_name().as_bytes()))
            .collect(),
        directory,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        let node = |version, controllers: &[Controller], directory: &str| Node {
            version,
            controllers: controllers.to_vec(),
            directory: directory.into(),
        };
        Group {
            nodes: vec![
                node(Version::V2, &[], "/sys/fs/cgroup/unified/drydock-web"),
                node(
                    Version::V1,
                    &[Controller::Cpu, Controller::Cpuacct],
                    "/my cgroups\n/cpu,cpuacct/drydock-web",
                ),
            ],
        }
    }

    #[test]
    fn a_record_says_what_was_written() {
        assert_eq!(decode(&encode(&group())), Some(group()));
    }

    #[test]
    fn half_a_record_is_none() {
        let whole = encode(&group());
        for length in 0..whole.len() {
            let half = decode(&whole[..length]);
            // Cut after the first node, it is a record of that one.
            assert!(
                half.is_none_or(|half| half.nodes == group().nodes[..1]),
                "{length}"
            );
        }
    }

    #[test]
    fn a_record_names_nothing_that_is_not_ours() {
        for text in [
            "v2 memory /sys/fs/cgroup/system.slice\0",
            "v2 memory /sys/fs/cgroup/drydock-a/..\0",
            "v3 memory /sys/fs/cgroup/drydock-a\0",
            "v2 /sys/fs/cgroup/drydock-a\0",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}

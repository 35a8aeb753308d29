//! Which containers there are: one file for each in the run root, held locked by whoever answers for its cgroups.
//!
//! The lock is the truth. The kernel takes it away when the last holder dies, however it dies, so a record that can be
//! locked is that of a container whose parent and janitor are both dead: whoever finds it cleans up. No pid is stored
//! that could belong to another process by now, and no boot is: the run root does not outlive it.
//!
//! A container that is left to itself has nobody who holds a lock. Its record says so, and stays until it is undone.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::control;
use crate::group::Group;
use crate::made::Made;

/// The record of a container that is ours, and its lock.
#[derive(Debug)]
pub struct Record {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

/// Where the records are.
pub(crate) fn directory() -> PathBuf {
    kit::roots::run().join("cgroups")
}

impl Record {
    /// Takes the container's name for it. None of its directories need exist yet: so whatever is made later is on record
    /// first. The file appears complete and locked, by a rename.
    ///
    /// # Errors
    /// A container of this name runs already, or the run root cannot be written.
    pub(crate) fn claim(made: &Made) -> Result<Self> {
        let name = &made.name;
        let text = encode(made)?;
        // Somebody may be cleaning up after a dead namesake: that takes a moment.
        for _ in 0..20 {
            match show(name, &text, RenameFlags::RENAME_NOREPLACE)? {
                Shown::Record(record) => return Ok(record),
                Shown::Swept => {}
                Shown::Taken(path) => {
                    sweep_one(&path);
                    sleep(Duration::from_millis(if path.exists() { 10 } else { 0 }));
                }
            }
        }
        Err(Error::new(format!(
            "Conflict. The container name \"{name}\" is already in use"
        ))
        .hint("take another --name, or end the one that has it: `cgroups ls`, `cgroups kill NAME`"))
    }

    /// Says in the record that nobody answers for the container from now on. It is replaced as a whole: a half of it would
    /// pass for nothing.
    ///
    /// # Errors
    /// The run root cannot be written.
    pub(crate) fn detach(self, made: &Made) -> Result<()> {
        let text = encode(made)?;
        for _ in 0..20 {
            if let Shown::Record(_) = show(&made.name, &text, RenameFlags::empty())? {
                return Ok(());
            }
        }
        Err(
            Error::new(format!("cannot replace the record {}", self.path.display()))
                .hint("other commands remove it again and again"),
        )
    }

    /// The locked file, for the janitor to keep.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// What became of a new record.
pub(crate) enum Shown {
    /// It is there.
    Record(Record),
    /// A sweep has taken the draft for a dead container's, and removed it.
    Swept,
    /// Another has the name.
    Taken(PathBuf),
}

/// Writes a record under another name, locked, and gives it its own.
pub(crate) fn show(name: &str, text: &[u8], flags: RenameFlags) -> Result<Shown> {
    let directory = directory();
    let path = directory.join(name);
    let draft = directory.join(format!(".{name}.{}", std::process::id()));
    let file = draft_of(&directory, &draft)?;
    let written = file.try_lock().is_ok() && (&file).write_all(text).is_ok();
    match renameat2(AT_FDCWD, &draft, AT_FDCWD, &path, flags) {
        Ok(()) if written => Ok(Shown::Record(Record { path, file })),
        Ok(()) | Err(Errno::ENOENT) => Ok(Shown::Swept),
        Err(Errno::EEXIST) => {
            let _ = fs::remove_file(&draft);
            Ok(Shown::Taken(path))
        }
        Err(errno) => Err(Error::sys("write the record", &path, errno)),
    }
}

/// Removes the directories, and whoever lives in them, and gives the name back. What is gone already is no error.
///
/// # Errors
/// Something outlives SIGKILL; then the record stays.
pub(crate) fn undo(made: &Made) -> Result<()> {
    made.group.remove()?;
    // ENOENT: the run root was removed under us, and the record with it.
    let _ = fs::remove_file(directory().join(&made.name));
    Ok(())
}

/// The same, for one whose processes are not known to have ended.
///
/// # Errors
/// As [`undo`].
pub(crate) fn kill(made: &Made) -> Result<()> {
    control::kill(&made.group)?;
    undo(made)
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
            Some((name.into_string().ok()?, decode(&text)?.group))
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
    let made = file.read_to_end(&mut text).ok().and_then(|_| decode(&text));
    // Nothing was made of a draft: what it names is another's, who has had the name before.
    let is_draft = path
        .file_name()
        .is_some_and(|name| name.as_bytes().starts_with(b"."));
    let is_clean = match made {
        Some(made) if !is_draft => !made.is_detached && kill(&made).is_ok(),
        _ => true,
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
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
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

/// As JSON, so that `jq . /run/drydock/cgroups/NAME` shows it.
pub(crate) fn encode(made: &Made) -> Result<Vec<u8>> {
    serde_json::to_vec(made).map_err(|e| {
        Error::new(format!("cannot write the record of the container: {e}"))
            .hint("a cgroup whose path is not UTF-8 cannot be written down")
    })
}

/// `None` if it is none, or names what is not ours.
pub(crate) fn decode(text: &[u8]) -> Option<Made> {
    let made: Made = serde_json::from_slice(text).ok()?;
    made.check().is_ok().then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn half_a_record_is_none() {
        let whole = encode(&Made::new("web", Group::default(), &Limits::default())).unwrap();
        assert!(decode(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]), None, "{length}");
        }
        for text in ["null", "[]", "{}", "{\"name\": \"web\"}"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}

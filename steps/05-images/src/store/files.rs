//! What all parts of the store do with files and directories.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use kit::{Error, Result};

/// Where it was written to matters most when the disk is full.
pub(super) fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    let failed = Error::io("write", path, error);
    match error.kind() {
        ErrorKind::StorageFull => failed.hint("the disk is full: `df -h` tells which"),
        ErrorKind::QuotaExceeded => failed.hint("the disk quota is used up"),
        _ => failed,
    }
}

pub(super) fn sync_directory(path: &Path) -> Result<()> {
    OpenOptions::new()
        .read(true)
        .open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| Error::io("sync", path, &e))
}

pub(super) fn names(directory: &Path) -> Result<Vec<String>> {
    let fails = |e| Error::io("list", directory, &e);
    let entries = match std::fs::read_dir(directory) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fails)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(fails)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// One that is gone is no error.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &e)),
        _ => Ok(()),
    }
}

//! One more layer on a root file system, where there is no overlayfs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Changes `root` into what it is with the layer in `layer` on top.
pub fn apply(layer: &Path, root: &Path) -> io::Result<()> {
    //< apply: first what is gone, then what is there
    let entries = list(layer)?;
    for path in &entries {
        let name = name(path);
        if name == ".wh..wh..opq" {
            for old in list(root)? {
                remove(&old)?;
            }
        } else if let Some(gone) = name.strip_prefix(".wh.") {
            remove(&root.join(gone))?;
        }
    }
    for path in entries
        .iter()
        .filter(|path| !name(path).starts_with(".wh."))
    {
        let place = root.join(name(path));
        if !is_directory(path) {
            copy_file(path, &place)?;
            continue;
        }
        if !is_directory(&place) {
            remove(&place)?;
            fs::create_dir(&place)?;
        }
        apply(path, &place)?;
    }
    Ok(())
    //= let _ = (layer, root, list, name, remove, is_directory, copy_file);
    //= todo!("apply the layer")
    //>
}

/// The paths of what is in a directory, in order.
fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The last component of a path.
fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Whether it is a directory itself, and not a link to one.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|status| status.is_dir())
}

/// Removes whatever is there, if anything is; a link is not followed.
fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(status) if status.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

/// Puts a copy of a file or symbolic link in the place of whatever is there.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    if fs::symlink_metadata(from)?.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to).map(drop)
}

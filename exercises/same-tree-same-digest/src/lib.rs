//! What a tree is, written down, so that a digest can be made of it.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The tree below `top`: the same text for the same tree, and another one for any other.
pub fn describe(top: &Path) -> io::Result<String> {
    let mut text = String::new();
    //< describe: what a program in the tree could notice, and nothing else
    let mut first: HashMap<(u64, u64), String> = HashMap::new();
    for path in all_below(top)? {
        let status = fs::symlink_metadata(&path)?;
        let name = path
            .strip_prefix(top)
            .unwrap_or(&path)
            .display()
            .to_string();
        let kind = status.file_type();
        let what = if kind.is_symlink() {
            format!("link {:?}", fs::read_link(&path)?)
        } else if kind.is_dir() {
            format!("directory {:o}", status.mode() & 0o7777)
        } else if let Some(other) = first.get(&(status.dev(), status.ino())) {
            format!("same {other:?}")
        } else {
            first.insert((status.dev(), status.ino()), name.clone());
            format!("file {:o} {:?}", status.mode() & 0o7777, fs::read(&path)?)
        };
        let _ = writeln!(text, "{name:?} {what}");
    }
    //= let _ = HashMap::<(u64, u64), String>::new();
    //= for path in all_below(top)? {
    //=     let status = fs::metadata(&path)?;
    //=     let name = path.strip_prefix(top).unwrap_or(&path).display().to_string();
    //=     let _ = writeln!(text, "{name:?} {} {}", status.ino(), status.mtime());
    //= }
    //>
    Ok(text)
}

/// Every path below `top`, a directory before what is in it.
fn all_below(top: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    //< order: readdir has none
    let entries = fs::read_dir(top)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    //= let entries = fs::read_dir(top)?;
    //= let paths = entries
    //=     .map(|entry| entry.map(|entry| entry.path()))
    //=     .collect::<io::Result<Vec<_>>>()?;
    //>
    for path in paths {
        let is_directory = fs::symlink_metadata(&path)?.is_dir();
        all.push(path.clone());
        if is_directory {
            all.extend(all_below(&path)?);
        }
    }
    Ok(all)
}

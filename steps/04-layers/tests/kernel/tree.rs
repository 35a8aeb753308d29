//! Trees with everything in them, and what there is to know about a tree.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use layers::digest::Digest;
use rustix::buffer::spare_capacity;

use crate::common::shell;

/// All that a layer can hold, in `directory`: owners, modes, setuid, hard links, links, devices, a fifo, long names and
/// names that are not UTF-8, times before 1970 and to the nanosecond, attributes, capabilities, and a file with holes.
pub(crate) fn make(directory: &Path) {
    shell(
        directory,
        r#"
        mkdir -p dir/sub dir/empty
        echo contents > dir/file; echo other > dir/sub/other; : > empty
        ln dir/file hard; ln dir/file dir/sub/hard; ln -s dir/file link; ln -s /nowhere/at/all dir/dangling
        mknod null c 1 3; mknod disk b 7 300; mkfifo fifo
        truncate -s 3M sparse; printf begin | dd of=sparse conv=notrunc status=none
        printf end | dd of=sparse bs=1M seek=2 conv=notrunc status=none
        long=$(printf 'n%.0s' $(seq 200)); mkdir -p "dir/$long/$long"; : > "dir/$long/$long/$long"
        ln -s "$(printf 't%.0s' $(seq 300))" longlink
        : > "$(printf 'latin-\344')"; : > 'with space, comma:colon\backslash'
        find . -exec touch -h -d '2005-05-05 05:05:05' {} +
        chown 1000:2000 dir/sub/other dir/empty; chown 3000000000:4000000000 empty; chown -h 12:34 link
        chmod 4755 dir/file; chmod 2710 dir/sub; chmod 1777 dir/empty; chmod 0 empty
        touch -d '2001-02-03 04:05:06.123456789' dir/file; touch -d '1969-12-31 23:59:58.25' empty
        touch -h -d '2010-10-10 10:10:10.25' link; touch -d '2040-01-01' fifo
        touch -d '2000-01-01 00:00:00.000000001' dir/sub dir .
        "#,
    );
    let set = |path: &str, name: &str, value: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(directory.join(path), name, value, flags).unwrap();
    };
    set("dir/file", "user.note", b"\x00=\n\xff");
    set("dir", "trusted.mark", b"1");
    // cap_net_raw+p, of version 2 (capability.h).
    set(
        "dir/sub/other",
        "security.capability",
        b"\x00\x00\x00\x02\x00\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    );
    let when = "2000-01-01 00:00:00.000000001";
    shell(directory, &format!("touch -d '{when}' dir ."));
}

/// A line for each inode below `directory`, and for itself: all that an archive of a layer keeps.
pub(crate) fn describe(directory: &Path) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let mut first = HashMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(relative) = left.pop() {
        let path = directory.join(&relative);
        let status = fs::symlink_metadata(&path).unwrap();
        let kind = status.file_type();
        let name = relative.as_os_str().as_bytes().escape_ascii().to_string();
        if kind.is_dir() {
            let mut children: Vec<_> = fs::read_dir(&path).unwrap().flatten().collect();
            children.sort_by_key(|child| std::cmp::Reverse(child.file_name()));
            left.extend(
                children
                    .iter()
                    .map(|child| relative.join(child.file_name())),
            );
        }
        let contents = match () {
            () if kind.is_symlink() => format!("{:?}", fs::read_link(&path).unwrap()),
            () if kind.is_file() => {
                format!("{} {}", status.size(), Digest::of(fs::read(&path).unwrap()))
            }
            () => format!("device {}", status.rdev()),
        };
        let same = match status.nlink() {
            _ if kind.is_dir() => name.clone(),
            1 => name.clone(),
            _ => first.entry(status.ino()).or_insert(name.clone()).clone(),
        };
        let line = format!(
            "{:o} {}:{} {}.{:09} {contents} {:?} as {same}",
            status.mode(),
            status.uid(),
            status.gid(),
            status.mtime(),
            status.mtime_nsec(),
            attributes(&path)
        );
        lines.insert(name, line);
    }
    lines
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = Vec::with_capacity(1 << 16);
    rustix::fs::llistxattr(path, spare_capacity(&mut names)).unwrap();
    names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = Vec::with_capacity(1 << 16);
            rustix::fs::lgetxattr(path, name, spare_capacity(&mut value)).unwrap();
            (String::from_utf8_lossy(name).into_owned(), value)
        })
        .collect()
}

/// Asserts that two trees are the same, and says where they are not.
#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (describe(one), describe(other));
    for (name, line) in &one {
        assert_eq!(Some(line), other.get(name), "{name}");
    }
    let more: Vec<_> = other
        .keys()
        .filter(|name| !one.contains_key(*name))
        .collect();
    assert!(more.is_empty(), "only in the other: {more:?}");
}

//! `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One mount.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub(crate) struct Mount {
    /// Its number; used again after it is gone.
    pub id: u32,
    /// The mount that it is mounted on; its own if it has none that can be seen.
    pub parent: u32,
    /// Major and minor number of its file system.
    pub device: String,
    /// What of the file system is its root.
    pub root: String,
    /// Where it is, as the process sees it.
    pub point: PathBuf,
    /// Per mount: `rw`, `nosuid` …
    pub options: Vec<String>,
    /// `private`, `shared:3`, `master:7`, `unbindable`, or several.
    pub propagation: Vec<String>,
    /// The file system's type.
    pub kind: String,
    /// What it is a mount of.
    pub source: String,
    /// Per file system.
    pub super_options: Vec<String>,
}

impl Mount {
    /// Whether it is in a peer group: what is mounted below it appears in the others too.
    pub(crate) fn is_shared(&self) -> bool {
        self.propagation
            .iter()
            .any(|word| word.starts_with("shared"))
    }

    /// Whether the mount has this option.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|word| word == option)
    }

    /// Whether other parts of /proc or /sys may lie open through it: it is the file system's own root.
    pub(crate) fn is_whole(&self) -> bool {
        self.root == "/"
    }
}

/// All mounts that the text lists.
pub(crate) fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(line).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
fn line(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ');
    let mut file_system = file_system.split(' ');
    let words = |list: &str| -> Vec<String> { list.split(',').map(str::to_owned).collect() };
    let mut next = || mount.next();
    let (id, parent, device, root, point, options) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    let mut propagation: Vec<String> = mount.map(str::to_owned).collect();
    if propagation.is_empty() {
        propagation.push("private".to_owned());
    }
    Some(Mount {
        id: id.parse().ok()?,
        parent: parent.parse().ok()?,
        device: device.to_owned(),
        root: unescaped(root).to_string_lossy().into_owned(),
        point: unescaped(point),
        options: words(options),
        propagation,
        kind: file_system.next()?.to_owned(),
        source: unescaped(file_system.next()?)
            .to_string_lossy()
            .into_owned(),
        super_options: words(file_system.next().unwrap_or_default()),
    })
}

/// Space, tab, newline and backslash stand as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let octal = tail.get(..3).filter(|_| *first == b'\\');
        match octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

/// The mount that a path, without symlinks, lies on: the last of those whose point is the longest beginning of it.
pub(crate) fn containing<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let on_the_way = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    on_the_way.max_by_key(|mount| mount.point.components().count())
}

/// The mount whose point is exactly this path; of several on top of each other, the uppermost.
pub(crate) fn at<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.point == path)
}

/// Every mount's children, in the kernel's order. A mount whose parent is not in the list is a root, listed under
/// `None`.
pub(crate) fn children(mounts: &[Mount]) -> BTreeMap<Option<u32>, Vec<&Mount>> {
    let mut tree: BTreeMap<Option<u32>, Vec<&Mount>> = BTreeMap::new();
    for mount in mounts {
        let has_parent =
            mount.parent != mount.id && mounts.iter().any(|other| other.id == mount.parent);
        tree.entry(has_parent.then_some(mount.parent))
            .or_default()
            .push(mount);
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:30 /a\\040b /mnt/with\\040space ro master:1 - tmpfs none rw,size=64k
31 30 0:31 / /mnt/with\\040space ro shared:9 master:2 - tmpfs none rw
";

    #[test]
    fn the_lines_of_the_kernel_are_understood() {
        let mounts = parse(SOME);
        assert_eq!(mounts.len(), 4);
        assert!(mounts[0].is_shared() && !mounts[1].is_shared());
        assert_eq!(mounts[1].propagation, ["private"]);
        assert_eq!(mounts[2].point, Path::new("/mnt/with space"));
        assert_eq!(
            (mounts[2].root.as_str(), mounts[2].is_whole()),
            ("/a b", false)
        );
        assert_eq!(mounts[3].propagation, ["shared:9", "master:2"]);
    }

    #[test]
    fn a_path_lies_on_the_nearest_and_uppermost_mount() {
        let mounts = parse(SOME);
        let id = |path: &str| containing(&mounts, Path::new(path)).map(|mount| mount.id);
        assert_eq!(id("/proc/self"), Some(23));
        assert_eq!(id("/procession"), Some(22));
        assert_eq!(id("/mnt/with space/x"), Some(31));
        assert_eq!(
            at(&mounts, Path::new("/mnt/with space")).map(|mount| mount.id),
            Some(31)
        );
        assert_eq!(at(&mounts, Path::new("/mnt")), None);
    }

    #[test]
    fn a_mount_without_a_visible_parent_is_a_root() {
        let mounts = parse(SOME);
        let tree = children(&mounts);
        assert_eq!(tree[&None].len(), 1);
        assert_eq!(tree[&Some(22)].len(), 2);
    }
}

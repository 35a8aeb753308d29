//! What the kernel shows of a process, in `/proc` (proc(5)). A process is named by its pid or by `self`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// The namespace of this kind (`pid`, `mnt` …) as `/proc/PID/ns` names it: `pid:[4026531836]`.
pub fn namespace(pid: impl Display, kind: &str) -> String {
    link(&format!("/proc/{pid}/ns/{kind}"))
}

/// Where a link of `/proc` leads (`root`, `cwd`, `exe` …).
pub fn link(path: &str) -> String {
    fs::read_link(path).map_or_else(
        |error| format!("nothing ({error})"),
        |to| to.display().to_string(),
    )
}

/// A file of `/proc`, without the white space at its end; empty if it cannot be read.
pub fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// The value of one line of `/proc/PID/status` (`Uid`, `State`, `SigCgt` …), if the process exists.
pub fn status(pid: impl Display, name: &str) -> Option<String> {
    text(format!("/proc/{pid}/status"))
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(|value| value.trim().to_owned())
}

/// Whether the process exists and is not a zombie.
pub fn lives(pid: impl Display) -> bool {
    status(pid, "State").is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// "S (sleeping) in `do_wait`", or "gone".
pub fn describe(pid: impl Display) -> String {
    match status(&pid, "State") {
        None => "gone".to_owned(),
        Some(state) => match text(format!("/proc/{pid}/wchan")).as_str() {
            "" | "0" => state,
            place => format!("{state} in the kernel's {place}"),
        },
    }
}

/// All processes that this `/proc` shows.
pub fn pids() -> Vec<i32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The children of a process, zombies too.
pub fn children(pid: i32) -> Vec<i32> {
    let wanted = pid.to_string();
    pids()
        .into_iter()
        .filter(|child| status(child, "PPid").as_deref() == Some(&wanted))
        .collect()
}

/// The open descriptors of a process, and what each of them is.
pub fn descriptors(pid: impl Display) -> BTreeMap<i32, String> {
    let directory = format!("/proc/{pid}/fd");
    let names = fs::read_dir(&directory).into_iter().flatten().flatten();
    names
        .filter_map(|entry| {
            let number: i32 = entry.file_name().to_str()?.parse().ok()?;
            let to = fs::read_link(entry.path()).ok()?;
            Some((number, to.display().to_string()))
        })
        .collect()
}

/// One line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The line itself, to be shown.
    pub line: String,
    /// Which directory of the file system is mounted.
    pub root: String,
    /// Where, as that process sees it.
    pub point: PathBuf,
    /// The mount's own options: `rw,nosuid`.
    pub options: Vec<String>,
    /// The propagation: `shared:7`, `master:3`, `unbindable`; none for a private mount.
    pub propagation: Vec<String>,
    /// The file system's type.
    pub kind: String,
    /// What was mounted.
    pub source: String,
}

impl Mount {
    /// Whether the mount has this option of its own (`ro`, `nosuid` …).
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|other| other == option)
    }
}

/// All mounts that a process sees, in the kernel's order.
pub fn mounts(pid: impl Display) -> Vec<Mount> {
    parse_mounts(&text(format!("/proc/{pid}/mountinfo")))
}

/// The mounts in the text of a mountinfo file.
pub fn parse_mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

/// The topmost mount exactly at `point`.
pub fn mount_at(pid: impl Display, point: impl AsRef<Path>) -> Option<Mount> {
    mounts(pid)
        .into_iter()
        .rev()
        .find(|mount| mount.point == point.as_ref())
}

fn mount(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let fields: Vec<&str> = mount.split(' ').collect();
    let mut file_system = file_system.split(' ');
    let (_ids, [root, point, options, ..]) = fields.split_at_checked(3)? else {
        return None;
    };
    Some(Mount {
        line: line.to_owned(),
        root: (*root).to_owned(),
        point: unescape(point).into(),
        options: options.split(',').map(str::to_owned).collect(),
        propagation: fields.iter().skip(6).map(|&tag| tag.to_owned()).collect(),
        kind: file_system.next()?.to_owned(),
        source: file_system.next()?.to_owned(),
    })
}

/// Blanks and backslashes are written in octal: `\040`.
fn unescape(field: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(field.to_owned(), |text, (code, plain)| {
        text.replace(code, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read_with_and_without_tags() {
        let shared = mount(
            "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:1 master:7 - ext3 /dev/root rw,errors=continue",
        )
        .unwrap();
        assert_eq!(shared.point, Path::new("/mnt 2"));
        assert_eq!(shared.propagation, ["shared:1", "master:7"]);
        assert_eq!(
            (shared.kind.as_str(), shared.source.as_str()),
            ("ext3", "/dev/root")
        );
        assert!(shared.has("noatime") && !shared.has("ro"));
        let private = mount("36 35 98:0 / / ro - tmpfs none ro").unwrap();
        assert!(private.propagation.is_empty() && private.has("ro"));
        assert_eq!(mount("nonsense"), None);
    }

    #[test]
    fn we_live_and_our_parent_knows_us() {
        let me = std::process::id() as i32;
        assert!(lives(me) && lives("self"));
        assert!(children(std::os::unix::process::parent_id() as i32).contains(&me));
        assert!(!descriptors(me).is_empty());
        assert!(!mounts("self").is_empty());
    }
}

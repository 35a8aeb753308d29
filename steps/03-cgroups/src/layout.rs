//! Where each controller is: cgroup v2, v1, or a hybrid of both, from the kernel's own tables.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

/// A controller (cgroups(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// CPU time: weight and quota.
    Cpu,
    /// CPU time used. Only v1 has it by itself; v2 counts in every cgroup.
    Cpuacct,
    /// Which processors and memory nodes.
    Cpuset,
    /// Memory and swap.
    Memory,
    /// Number of processes and threads.
    Pids,
    /// Block devices; v1 calls it `blkio`.
    Io,
    /// Huge pages.
    Hugetlb,
    /// Device nodes. v2 has no files for it but an eBPF program per cgroup.
    Devices,
    /// Freezing. Part of every cgroup on v2.
    Freezer,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Memory,
        Self::Pids,
        Self::Io,
        Self::Hugetlb,
        Self::Devices,
        Self::Freezer,
    ];

    /// Its name on v1: in `/proc/cgroups`, and as a mount option.
    pub fn v1_name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Io => "blkio",
            Self::Hugetlb => "hugetlb",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
        }
    }

    /// Its name in v2's `cgroup.controllers`; `None` for what v2 has without one.
    pub fn v2_name(self) -> Option<&'static str> {
        match self {
            Self::Io => Some("io"),
            Self::Cpuacct | Self::Devices | Self::Freezer => None,
            other => Some(other.v1_name()),
        }
    }
}

/// Which of the two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One hierarchy for each controller, or a few of them.
    V1,
    /// The unified hierarchy.
    V2,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its interface.
    pub version: Version,
    /// The controllers that can be used in it.
    pub controllers: Vec<Controller>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The directory of the hierarchy that is mounted there; not `/` in a container without a cgroup namespace.
    pub root: PathBuf,
    /// The directory that our own process is in, if it can be seen from here.
    pub own: Option<PathBuf>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The v2 hierarchy, if it is mounted.
    pub unified: Option<Hierarchy>,
    /// Those of v1 that have a controller.
    pub v1: Vec<Hierarchy>,
}

/// Where systemd, and everybody since, mounts it.
const USUAL: &str = "/sys/fs/cgroup";

impl Layout {
    /// Looks at the running system.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn read() -> Result<Self> {
        let own = read("/proc/self/cgroup")?;
        // A host with a thousand containers has thousands of mounts. The usual system needs none of that table.
        let mut layout = match statfs(USUAL) {
            Ok(found) if found.filesystem_type() == CGROUP2_SUPER_MAGIC => {
                Self::parse(PURE_V2, &own)
            }
            _ => Self::parse(&read("/proc/self/mountinfo")?, &own),
        };
        if let Some(unified) = &mut layout.unified {
            unified.controllers = available(unified);
        }
        Ok(layout)
    }

    /// The same from the text of `/proc/self/mountinfo` (proc(5)) and `/proc/self/cgroup` (cgroups(7)). Which
    /// controllers v2 has is in neither of them.
    pub fn parse(mountinfo: &[u8], own: &[u8]) -> Self {
        let mut layout = Self::default();
        for mount in mountinfo.split(|b| *b == b'\n').filter_map(Mount::parse) {
            match mount.kind {
                b"cgroup2" if layout.unified.is_none() => {
                    layout.unified = Some(mount.hierarchy(Version::V2, Vec::new(), own));
                }
                b"cgroup" => {
                    let controllers = mount.controllers();
                    // A hierarchy may be mounted twice; and `name=systemd` has no controller.
                    if controllers
                        .first()
                        .is_some_and(|c| layout.on_v1(*c).is_none())
                    {
                        layout
                            .v1
                            .push(mount.hierarchy(Version::V1, controllers, own));
                    }
                }
                _ => {}
            }
        }
        layout
    }

    /// The hierarchy in which `controller` can be used. A controller is in one at a time; devices, which v2 controls
    /// without a controller, are where v1 has them mounted, as the host's other managers expect.
    pub fn find(&self, controller: Controller) -> Option<&Hierarchy> {
        self.on_v1(controller).or_else(|| {
            self.unified
                .as_ref()
                .filter(|unified| match controller.v2_name() {
                    Some(_) => unified.controllers.contains(&controller),
                    None => true,
                })
        })
    }

    fn on_v1(&self, controller: Controller) -> Option<&Hierarchy> {
        self.v1
            .iter()
            .find(|hierarchy| hierarchy.controllers.contains(&controller))
    }
}

impl Hierarchy {
    /// The directory under which we may make our own: the top of what is mounted, or the cgroup that we are in.
    ///
    /// The top comes first, for three reasons. A v2 cgroup that hands out controllers may hold no processes itself,
    /// and our own holds at least us and the shell we were called from; the top is exempt. Limits of a login session
    /// are not meant for containers. And systemd kills a session's cgroup at logout, with all that is below. Only who
    /// may not write at the top (rootless, in a delegated cgroup) uses his own.
    pub fn base(&self) -> Option<&Path> {
        [Some(&self.mount), self.own.as_ref()]
            .into_iter()
            .flatten()
            .find(|directory| access(directory.as_path(), AccessFlags::W_OK).is_ok())
            .map(PathBuf::as_path)
    }

    /// The directory of a process, of whose `/proc/PID/cgroup` this is the text: lines such as `4:memory:/user.slice`
    /// and, for v2, `0::/user.slice`.
    pub(crate) fn directory_of(&self, table: &[u8]) -> Option<PathBuf> {
        let wanted = match self.version {
            Version::V1 => self.controllers.first()?.v1_name(),
            Version::V2 => "",
        };
        let path = table.split(|byte| *byte == b'\n').find_map(|line| {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            let (_, names, path) = (fields.next()?, fields.next()?, fields.next()?);
            names
                .split(|byte| *byte == b',')
                .any(|name| name == wanted.as_bytes())
                .then(|| PathBuf::from(OsString::from_vec(path.to_vec())))
        })?;
        // Where a cgroup namespace or a bind mount begins below the process, the kernel shows `/..`: out of sight.
        let below = path.strip_prefix(&self.root).ok()?;
        let is_seen = !below.components().any(|part| part.as_os_str() == "..");
        is_seen.then(|| match below.as_os_str() {
            nothing if nothing.is_empty() => self.mount.clone(),
            _ => self.mount.join(below),
        })
    }
}

/// The controllers that the cgroup which is to be our parent has to give.
fn available(unified: &Hierarchy) -> Vec<Controller> {
    let base = unified.base().unwrap_or(&unified.mount);
    let list = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
    Controller::ALL
        .into_iter()
        .filter(|c| {
            list.split_whitespace()
                .any(|name| c.v2_name() == Some(name))
        })
        .collect()
}

/// What the mount table says of a system that has nothing but v2, at the usual place.
const PURE_V2: &[u8] = b"0 0 0:0 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

/// One line of mountinfo.
struct Mount<'a> {
    root: PathBuf,
    point: PathBuf,
    kind: &'a [u8],
    options: &'a [u8],
}

impl<'a> Mount<'a> {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`; the number of fields before
    /// the dash varies.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let root = fields.nth(3)?;
        let point = fields.next()?;
        fields.find(|field| *field == b"-")?;
        let kind = fields.next()?;
        let options = fields.nth(1)?;
        Some(Self {
            root: unescape(root),
            point: unescape(point),
            kind,
            options,
        })
    }

    fn controllers(&self) -> Vec<Controller> {
        let names: Vec<&[u8]> = self.options.split(|byte| *byte == b',').collect();
        Controller::ALL
            .into_iter()
            .filter(|controller| names.contains(&controller.v1_name().as_bytes()))
            .collect()
    }

    fn hierarchy(self, version: Version, controllers: Vec<Controller>, own: &[u8]) -> Hierarchy {
        let mut hierarchy = Hierarchy {
            version,
            controllers,
            mount: self.point,
            root: self.root,
            own: None,
        };
        hierarchy.own = hierarchy.directory_of(own);
        hierarchy
    }
}

/// The mount table writes space, tab, line feed and backslash as three octal digits after a backslash.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = &tail[octal.map_or(0, |_| 3)..];
    }
    OsString::from_vec(bytes).into()
}

/// What `/proc/cgroups` says of a v1 controller: `None` if the kernel was built without it, else whether it is
/// enabled.
pub fn is_enabled(table: &str, controller: Controller) -> Option<bool> {
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        (fields.next()? == controller.v1_name()).then(|| fields.nth(2) == Some("1"))
    })
}

fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io("read", path, &e).hint("/proc must be mounted"))
}

/// For messages: the mount points, of both versions.
impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.unified.iter().chain(&self.v1);
        let points: Vec<_> = all
            .map(|h| String::from_utf8_lossy(h.mount.as_os_str().as_bytes()))
            .collect();
        f.write_str(&points.join(", "))
    }
}

#[cfg(test)]
mod tests;

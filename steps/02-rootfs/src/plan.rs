//! The mount plan: what is mounted where and in which order, as data. Nothing here touches the system.
//!
//! The order is the kernel's and the security's: a mount before what is mounted on it, the user's mounts after ours,
//! and the masks last, so that nothing a user or an image brings can come to lie over them.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::{Error, Result};

use crate::bind::clean;
use crate::inside::{Base, Missing, Place};
use crate::pinned::Pinned;
use crate::rootfs::Options;

/// Everything that is mounted below the root, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPlan {
    /// One mount each, unless its place does not exist and need not.
    pub entries: Vec<Entry>,
    /// Whether the root itself is made read-only, after all the rest.
    pub read_only: bool,
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place as the container will name it.
    pub target: CString,
    /// How the place is found.
    pub(crate) place: Place,
    /// What is mounted there.
    pub what: What,
}

/// What an [`Entry`] mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A file system of the kernel's.
    FileSystem(FileSystem),
    /// A file or directory of the host, with all that is mounted below it.
    Bind {
        /// The file.
        source: Pinned,
        /// Whether it cannot be written to.
        read_only: bool,
    },
    /// Something empty, over a path that would tell of the host.
    Mask,
    /// The place itself, read-only.
    ReadOnly,
    /// The place itself, as a mount of its own.
    Volume,
    /// Nothing: the directory is there, that is all.
    Directory,
}

/// A file system of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Which.
    pub kind: Kind,
    /// Its options, with or without a value.
    pub options: Vec<(CString, Option<CString>)>,
    /// `MOUNT_ATTR_*`, the mount's own.
    pub attributes: u64,
    /// Whether it is the host's, bound, because these surroundings forbid a new one.
    pub of_the_host: bool,
    /// Whether it is a `/dev`, and where its device nodes come from.
    pub devices: Option<Devices>,
}

/// The file systems that a plan can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// proc(5).
    Proc,
    /// sysfs(5).
    Sysfs,
    /// tmpfs(5).
    Tmpfs,
    /// devpts, for pts(4).
    Devpts,
    /// mq_overview(7).
    Mqueue,
}

impl Kind {
    /// Its name for fsopen(2).
    pub fn name(self) -> &'static CStr {
        match self {
            Self::Proc => c"proc",
            Self::Sysfs => c"sysfs",
            Self::Tmpfs => c"tmpfs",
            Self::Devpts => c"devpts",
            Self::Mqueue => c"mqueue",
        }
    }
}

/// Where the nodes in `/dev` come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// mknod(2).
    Make,
    /// The host's own nodes, bound one by one: a user namespace may not make any (EPERM).
    Bind,
}

/// What the container's other namespaces allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether it has a user namespace of its own.
    pub user: bool,
    /// Whether it has a PID namespace of its own, which a new proc shows.
    pub pid: bool,
    /// Whether it has a network namespace of its own, which a new sysfs shows.
    pub network: bool,
    /// Whether it has an IPC namespace of its own, which a new mqueue shows.
    pub ipc: bool,
}

impl Surroundings {
    /// What the mechanisms before this one have asked for.
    pub fn of(plan: &namespaces::Plan) -> Self {
        Self {
            user: plan.has(libc::CLONE_NEWUSER),
            pid: plan.has(libc::CLONE_NEWPID),
            network: plan.has(libc::CLONE_NEWNET),
            ipc: plan.has(libc::CLONE_NEWIPC),
        }
    }
}

/// Computes the plan. `sources` are those of `options.binds`, in their order.
///
/// # Errors
/// Two mounts on one target, and targets that would let a container's `/proc` be something else than procfs.
pub fn plan(
    options: &Options,
    sources: &[Pinned],
    surroundings: Surroundings,
) -> Result<MountPlan> {
    let mut users = user_mounts(options, sources)?;
    let mut entries = base_mounts(surroundings);
    // A mount of the user's on the very place of one of ours takes its place, as in Docker (-v /dev/shm:/dev/shm).
    for entry in &mut entries {
        if let Some(at) = users.iter().position(|user| user.target == entry.target) {
            *entry = users.remove(at);
        }
    }
    // Before the user's, which may lie in them or take their place.
    let volumes = volumes(options, |target| {
        users.iter().any(|user| user.target.to_bytes() == target)
    })?;
    entries.extend(volumes);
    entries.extend(users);
    entries.extend(made(&options.directories));
    entries.extend(restrictions(&options.masked, &What::Mask));
    entries.extend(restrictions(&options.read_only_paths, &What::ReadOnly));
    Ok(MountPlan {
        entries,
        read_only: options.read_only,
    })
}

/// The mounts that every container has (OCI runtime specification, "Linux Runtime" and "Default Filesystems"), with
/// Docker's options.
fn base_mounts(surroundings: Surroundings) -> Vec<Entry> {
    use libc::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
    let closed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    // Who has a user namespace may mount only what shows another namespace that belongs to it (EPERM else).
    let bound = |is_ours: bool| surroundings.user && !is_ours;
    let proc = FileSystem::new(Kind::Proc, closed, &[]).of_the_host(bound(surroundings.pid));
    let dev = FileSystem {
        devices: Some(match surroundings.user {
            true => Devices::Bind,
            false => Devices::Make,
        }),
        ..FileSystem::new(
            Kind::Tmpfs,
            MOUNT_ATTR_NOSUID,
            &[("mode", "755"), ("size", "64k")],
        )
    };
    let pts = FileSystem::new(
        Kind::Devpts,
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
        // Group 5 is tty, by which write(1) and its like may reach a terminal.
        &[
            ("newinstance", ""),
            ("ptmxmode", "0666"),
            ("mode", "0620"),
            ("gid", "5"),
        ],
    );
    let shm = FileSystem::new(Kind::Tmpfs, closed, &[("mode", "1777"), ("size", "64m")]);
    let mqueue = FileSystem::new(Kind::Mqueue, closed, &[]).of_the_host(bound(surroundings.ipc));
    let sys = FileSystem::new(Kind::Sysfs, closed | MOUNT_ATTR_RDONLY, &[])
        .of_the_host(bound(surroundings.network));
    [
        ("/proc", proc),
        ("/dev", dev),
        ("/dev/pts", pts),
        ("/dev/shm", shm),
        ("/dev/mqueue", mqueue),
        ("/sys", sys),
    ]
    .into_iter()
    .map(|(target, fs)| Entry::new(Path::new(target), Missing::Directory, What::FileSystem(fs)))
    .collect()
}

/// Binds and tmpfs, parents before children.
fn user_mounts(options: &Options, sources: &[Pinned]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (bind, source) in options.binds.iter().zip(sources) {
        let is_single_file = !source.is_directory();
        check_bind(&bind.target, is_single_file)?;
        let missing = match is_single_file {
            true => Missing::File,
            false => Missing::Directory,
        };
        let what = What::Bind {
            source: source.clone(),
            read_only: bind.read_only,
        };
        entries.push(Entry::new(&bind.target, missing, what));
    }
    for tmpfs in &options.tmpfs {
        check_tmpfs(&tmpfs.target)?;
        let settings: Vec<(&str, &str)> = tmpfs
            .options
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let fs = FileSystem::new(Kind::Tmpfs, tmpfs.attributes, &settings);
        entries.push(Entry::new(
            &tmpfs.target,
            Missing::Directory,
            What::FileSystem(fs),
        ));
    }
    let mut targets = HashSet::new();
    if let Some(twice) = entries.iter().find(|entry| !targets.insert(&entry.target)) {
        return Err(Error::new(format!(
            "duplicate mount point: {}",
            twice.target.to_string_lossy()
        ))
        .hint("each target can be mounted on once; leave one of the two out"));
    }
    // A stable sort: what the user gave first is mounted first where depth does not decide.
    entries.sort_by_key(|entry| {
        entry
            .target
            .to_bytes()
            .iter()
            .filter(|b| **b == b'/')
            .count()
    });
    Ok(entries)
}

/// What an image says is a volume. It may not hide what every container needs, any more than a user may.
fn volumes(options: &Options, is_taken: impl Fn(&[u8]) -> bool) -> Result<Vec<Entry>> {
    let mut volumes: Vec<PathBuf> = options.volumes.iter().map(|path| clean(path)).collect();
    // By their letters a parent comes before its children.
    volumes.sort();
    volumes.dedup();
    volumes.retain(|path| !is_taken(path.as_os_str().as_bytes()));
    for path in &volumes {
        if path == Path::new("/") {
            return Err(Error::new("the root cannot be a volume of its own")
                .hint("an image's VOLUME names directories below it"));
        }
        check_tmpfs(path)?;
    }
    Ok(volumes
        .iter()
        .map(|path| Entry::new(path, Missing::Directory, What::Volume))
        .collect())
}

/// The root itself is always there.
fn made(directories: &[PathBuf]) -> impl Iterator<Item = Entry> {
    directories
        .iter()
        .map(|path| clean(path))
        .filter(|path| path != Path::new("/"))
        .map(|path| Entry::new(&path, Missing::Directory, What::Directory))
}

/// What may be bound below `/proc`: single files that tell a container its own limits instead of the host's size, as
/// lxcfs makes them. Everything else there is the kernel's word to the container's own tools, and a forged `/proc`
/// makes them set a security label or a sysctl into a plain file: CVE-2019-16884, CVE-2019-19921.
const BINDABLE_IN_PROC: [&str; 8] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
];

fn check_bind(target: &Path, is_single_file: bool) -> Result<()> {
    let is_allowed = is_single_file
        && BINDABLE_IN_PROC
            .iter()
            .any(|path| target == Path::new(path));
    if target.starts_with("/proc") && !is_allowed {
        return Err(Error::new(format!(
            "cannot bind onto {}: a container's /proc must be the kernel's",
            target.display()
        ))
        .hint(format!(
            "only single files can be bound there, those that lxcfs imitates: {}",
            BINDABLE_IN_PROC.join(", ")
        )));
    }
    Ok(())
}

fn check_tmpfs(target: &Path) -> Result<()> {
    let is_ours = target == Path::new("/dev") || target == Path::new("/sys");
    if is_ours || target.starts_with("/proc") {
        return Err(Error::new(format!(
            "cannot mount a tmpfs on {}: the container needs what is there",
            target.display()
        ))
        .hint("/proc, /dev and /sys are made for every container; a tmpfs can be put elsewhere, /dev/shm included"));
    }
    Ok(())
}

fn restrictions<'a>(paths: &'a [PathBuf], what: &'a What) -> impl Iterator<Item = Entry> + 'a {
    paths
        .iter()
        .map(|path| Entry::new(&clean(path), Missing::Skip, what.clone()))
}

impl Entry {
    fn new(target: &Path, missing: Missing, what: What) -> Self {
        let (base, below) = match () {
            // What lies on a mount of ours is found from that mount and not from the root: whatever has become of
            // the directory it is mounted on, the mask lands in the procfs that we have mounted.
            () if is_below(target, "/proc") => (Base::Proc, "/proc"),
            () if is_below(target, "/dev") => (Base::Dev, "/dev"),
            () if is_below(target, "/sys") => (Base::Sys, "/sys"),
            () if matches!(target.to_str(), Some("/proc" | "/dev" | "/sys")) => (Base::Image, "/"),
            () => (Base::Root, "/"),
        };
        let path = target.strip_prefix(below).unwrap_or(target);
        Self {
            target: c_string(target.as_os_str().as_bytes()),
            place: Place::new(base, path, missing),
            what,
        }
    }
}

fn is_below(path: &Path, mount: &str) -> bool {
    path.starts_with(mount) && path != Path::new(mount)
}

impl FileSystem {
    fn new(kind: Kind, attributes: u64, options: &[(&str, &str)]) -> Self {
        Self {
            kind,
            options: options
                .iter()
                .map(|(key, value)| {
                    let value = (!value.is_empty()).then(|| c_string(value.as_bytes()));
                    (c_string(key.as_bytes()), value)
                })
                .collect(),
            attributes,
            of_the_host: false,
            devices: None,
        }
    }

    fn of_the_host(self, of_the_host: bool) -> Self {
        Self {
            of_the_host,
            ..self
        }
    }
}

/// Arguments and constants hold no NUL byte, since execve(2) could not have passed one; a path of another origin is cut
/// there, as the kernel would.
pub(crate) fn c_string(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|byte| *byte == 0);
    CString::new(&bytes[..end.unwrap_or(bytes.len())]).unwrap_or_default()
}

#[cfg(test)]
mod tests;

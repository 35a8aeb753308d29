//! Mounts as data, near the `mounts` of the OCI runtime specification: the list that every container begins with, and
//! what is added to it. Nothing here touches the system.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use kit::{Error, Result};

// ANCHOR: mount
/// One mount. A list of them is carried out in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// In the container: absolute. It is cleaned by its letters; links on the way are followed inside the container.
    pub target: PathBuf,
    /// What is mounted.
    pub source: Source,
    /// What the mount allows, whatever its file system would.
    pub attributes: Attributes,
    /// Whether mounts made below it later appear elsewhere, and others' here; `None` is private.
    pub propagation: Option<Propagation>,
}

/// What a [`Mount`] shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file system, made for this mount.
    FileSystem {
        /// Its type, for fsopen(2): `proc`, `tmpfs`, `ext4` …
        kind: CString,
        /// Its device, or the name that mountinfo shows; `None` is the type's name.
        source: Option<CString>,
        /// Its own options, with or without a value.
        options: Vec<(CString, Option<CString>)>,
    },
    /// A file or directory of the host.
    Bind {
        /// On the host; relative to the working directory.
        path: PathBuf,
        /// Whether it comes with all that is mounted below it.
        recursive: bool,
    },
    /// The directory that is there, as a mount of its own: it can be written to also where the root cannot.
    Itself,
}
// ANCHOR_END: mount

/// Attributes of a mount (mount_setattr(2)), as bits of `MOUNT_ATTR_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Set on the mount itself.
    pub set: u64,
    /// Cleared on the mount itself.
    pub clear: u64,
    /// Set on the mount and on every mount below it, after the two above.
    pub recursive_set: u64,
    /// Cleared on the mount and on every mount below it.
    pub recursive_clear: u64,
}

impl Attributes {
    /// These bits, on the mount itself.
    pub fn set(bits: u64) -> Self {
        Self {
            set: bits,
            ..Self::default()
        }
    }

    /// What a mount without any attribute and without mounts below it ends up with.
    pub fn of_a_new_mount(self) -> u64 {
        (self.set & !self.recursive_clear) | self.recursive_set
    }
}

/// Where mounts made below a mount appear (mount_namespaces(7), "SHARED SUBTREES").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagation {
    /// How.
    pub kind: PropagationKind,
    /// Whether for the mounts below it as well.
    pub recursive: bool,
}

/// The kernel's propagation types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PropagationKind {
    /// Nothing comes and nothing goes.
    #[default]
    Private,
    /// What the host mounts appears here, and not the other way.
    Slave,
    /// Both ways. A mount that the same container has below it appears on the host too, and stays there.
    Shared,
    /// Private, and it cannot be bound elsewhere.
    Unbindable,
}

impl PropagationKind {
    /// `MS_*`, as mount_setattr(2) takes it.
    pub fn flag(self) -> u64 {
        match self {
            Self::Private => libc::MS_PRIVATE,
            Self::Slave => libc::MS_SLAVE,
            Self::Shared => libc::MS_SHARED,
            Self::Unbindable => libc::MS_UNBINDABLE,
        }
    }
}

impl Propagation {
    /// As Docker has it where nothing else is asked for.
    pub const RPRIVATE: Self = Self::new(PropagationKind::Private, true);

    /// This kind, recursively or not.
    pub const fn new(kind: PropagationKind, recursive: bool) -> Self {
        Self { kind, recursive }
    }

    /// The word for it in mount(8), if it is one: `rslave`.
    pub fn parse(word: &[u8]) -> Option<Self> {
        use PropagationKind::{Private, Shared, Slave, Unbindable};
        Some(match word {
            b"private" => Self::new(Private, false),
            b"rprivate" => Self::new(Private, true),
            b"slave" => Self::new(Slave, false),
            b"rslave" => Self::new(Slave, true),
            b"shared" => Self::new(Shared, false),
            b"rshared" => Self::new(Shared, true),
            b"unbindable" => Self::new(Unbindable, false),
            b"runbindable" => Self::new(Unbindable, true),
            _ => return None,
        })
    }

    /// The same word again.
    pub fn word(self) -> &'static str {
        use PropagationKind::{Private, Shared, Slave, Unbindable};
        match (self.kind, self.recursive) {
            (Private, false) => "private",
            (Private, true) => "rprivate",
            (Slave, false) => "slave",
            (Slave, true) => "rslave",
            (Shared, false) => "shared",
            (Shared, true) => "rshared",
            (Unbindable, false) => "unbindable",
            (Unbindable, true) => "runbindable",
        }
    }
}

impl Mount {
    /// A new file system; an option with an empty value is one without a value. A NUL byte ends a text, as it does for
    /// the kernel.
    pub fn file_system(
        kind: &str,
        target: impl Into<PathBuf>,
        attributes: u64,
        options: &[(&str, &str)],
    ) -> Self {
        let option = |(key, value): &(&str, &str)| {
            let value = (!value.is_empty()).then(|| c_string(value.as_bytes()));
            (c_string(key.as_bytes()), value)
        };
        Self {
            target: target.into(),
            source: Source::FileSystem {
                kind: c_string(kind.as_bytes()),
                source: None,
                options: options.iter().map(option).collect(),
            },
            attributes: Attributes::set(attributes),
            propagation: None,
        }
    }

    /// A directory of the container as a mount of its own, as an image's VOLUME is.
    pub fn volume(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
            source: Source::Itself,
            attributes: Attributes::default(),
            propagation: None,
        }
    }

    /// Whether it is a bind that takes part in the propagation of the host's mounts.
    pub(crate) fn follows_the_host(&self) -> bool {
        let kind = self.propagation.unwrap_or(Propagation::RPRIVATE).kind;
        matches!(self.source, Source::Bind { .. })
            && matches!(kind, PropagationKind::Slave | PropagationKind::Shared)
    }
}

// ANCHOR: default_mounts
/// The mounts that every container has (OCI runtime specification, "Linux Runtime" and "Default Filesystems"), with
/// Docker's options.
pub fn default_mounts() -> Vec<Mount> {
    use libc::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
    let closed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    let dev = [("mode", "755"), ("size", "64k")];
    // Group 5 is tty, by which write(1) and its like may reach a terminal.
    let pts = [
        ("newinstance", ""),
        ("ptmxmode", "0666"),
        ("mode", "0620"),
        ("gid", "5"),
    ];
    let no_devices = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    let shm = [("mode", "1777"), ("size", "64m")];
    vec![
        Mount::file_system("proc", "/proc", closed, &[]),
        Mount::file_system("tmpfs", "/dev", MOUNT_ATTR_NOSUID, &dev),
        Mount::file_system("devpts", "/dev/pts", no_devices, &pts),
        Mount::file_system("tmpfs", "/dev/shm", closed, &shm),
        Mount::file_system("mqueue", "/dev/mqueue", closed, &[]),
        Mount::file_system("sysfs", "/sys", closed | MOUNT_ATTR_RDONLY, &[]),
    ]
}
// ANCHOR_END: default_mounts

/// Adds what a user or an image wants to a list, as Docker does:
///
/// - a mount on the very place of another in the list takes its place and its turn (`-v /dev/shm:/dev/shm`), but for a
///   volume ([`Source::Itself`]), which is left out then: something is mounted there already;
/// - any other comes after what it lies in and before what lies in it.
///
/// # Errors
/// Two of the additions have the same target, or one would hide what every container needs.
pub fn add(mounts: &mut Vec<Mount>, additions: impl IntoIterator<Item = Mount>) -> Result<()> {
    let mut additions: Vec<Mount> = additions.into_iter().collect();
    for mount in &mut additions {
        mount.target = clean(&mount.target);
        check_addition(mount)?;
    }
    // A stable sort: what was given first is mounted first where depth does not decide.
    additions.sort_by_key(|mount| mount.target.iter().count());
    let mut targets: Vec<PathBuf> = Vec::new();
    for mount in additions {
        let is_volume = mount.source == Source::Itself;
        let same = mounts
            .iter()
            .position(|other| clean(&other.target) == mount.target);
        match same {
            Some(_) if is_volume => {}
            Some(at) if targets.contains(&mount.target) && mounts[at].source != Source::Itself => {
                return Err(twice(&mount.target));
            }
            Some(at) => {
                targets.push(mount.target.clone());
                mounts[at] = mount;
            }
            None => {
                targets.push(mount.target.clone());
                let inner = mounts
                    .iter()
                    .position(|m| m.target.starts_with(&mount.target));
                mounts.insert(inner.unwrap_or(mounts.len()), mount);
            }
        }
    }
    Ok(())
}

fn twice(target: &Path) -> Error {
    Error::new(format!("duplicate mount point: {}", target.display()))
        .hint("each target can be mounted on once; leave one of the two out")
}

/// A list from a specification may put anything on `/dev` and `/sys`; a user who adds to ours means something else.
fn check_addition(mount: &Mount) -> Result<()> {
    let is_bind = matches!(mount.source, Source::Bind { .. });
    let target = mount.target.to_str();
    if mount.source == Source::Itself && target == Some("/") {
        return Err(Error::new("the root cannot be a volume of its own")
            .hint("an image's VOLUME names directories below it"));
    }
    if !is_bind && matches!(target, Some("/dev" | "/proc" | "/sys")) {
        return Err(refuse_to_hide(mount));
    }
    Ok(())
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

/// What no list may hold, wherever it is from. `target` is the mount's, cleaned.
pub(crate) fn check(mount: &Mount, target: &Path, is_single_file: bool) -> Result<()> {
    // A path is cut at a NUL byte when it becomes the kernel's, and would be another than the one looked at here.
    if target.as_os_str().as_bytes().contains(&0) {
        return Err(
            Error::new(format!("cannot mount on {target:?}: it has a NUL byte"))
                .hint("no path on Linux has one (path_resolution(7))"),
        );
    }
    if target == Path::new("/") {
        return Err(Error::new("cannot mount on /: it is the root itself")
            .hint("the root is mounted by itself; a mount's target lies below it"));
    }
    if !target.starts_with("/proc") {
        return Ok(());
    }
    match &mount.source {
        Source::FileSystem { kind, .. }
            if kind.as_c_str() == c"proc" && target == Path::new("/proc") =>
        {
            Ok(())
        }
        Source::Bind { .. } => {
            let is_file = |path: &&str| target == Path::new(path);
            if is_single_file && BINDABLE_IN_PROC.iter().any(is_file) {
                return Ok(());
            }
            Err(Error::new(format!(
                "cannot bind onto {}: a container's /proc must be the kernel's",
                target.display()
            ))
            .hint(format!(
                "only single files can be bound there, those that lxcfs imitates: {}",
                BINDABLE_IN_PROC.join(", ")
            )))
        }
        Source::FileSystem { .. } | Source::Itself => Err(refuse_to_hide(mount)),
    }
}

fn refuse_to_hide(mount: &Mount) -> Error {
    let kind = match &mount.source {
        Source::FileSystem { kind, .. } => kind.to_string_lossy().into_owned(),
        Source::Bind { .. } => "bind".to_owned(),
        Source::Itself => "volume".to_owned(),
    };
    Error::new(format!(
        "cannot mount a {kind} on {}: the container needs what is there",
        mount.target.display()
    ))
    .hint("/proc, /dev and /sys are made for every container; a tmpfs can be put elsewhere, /dev/shm included")
}

/// The absolute path without `.`, `..` and double slashes, by its letters alone, as Docker cleans a target: `..` takes
/// away the name before it, and at the root nothing. Whatever symbolic links are on the way are followed later, inside
/// the container.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let mut clean = vec![b'/'];
    clean.extend(names.join(&b'/'));
    OsString::from_vec(clean).into()
}

/// Arguments and constants hold no NUL byte, since execve(2) could not have passed one; a text of another origin is cut
/// there, as the kernel would.
pub(crate) fn c_string(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|byte| *byte == 0);
    CString::new(&bytes[..end.unwrap_or(bytes.len())]).unwrap_or_default()
}

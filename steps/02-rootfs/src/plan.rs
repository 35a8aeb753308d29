//! The mount plan: what is mounted where and in which order, as data. Nothing here touches the system.
//!
//! The mounts come in the order of the list that is asked for, and the masks last, so that nothing a user or an image
//! brings can come to lie over them.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::{Error, Result};

use crate::hints;
use crate::inside::{Base, Missing, Place};
use crate::mount::{
    self, Attributes, Mount, Propagation, PropagationKind, Source, c_string, clean,
};
use crate::options::{Options, namespace_propagation};
use crate::pinned::Pinned;

/// Everything that is mounted below the root, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPlan {
    /// One mount each, unless its place does not exist and need not.
    pub entries: Vec<Entry>,
    /// Whether the root itself is made read-only, after all the rest.
    pub read_only: bool,
    /// The root's propagation.
    pub propagation: Propagation,
    /// What the mount namespace has been set to before.
    pub namespace: PropagationKind,
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
    /// A file or directory of the host.
    Bind {
        /// The file.
        source: Pinned,
        /// Whether it comes with all that is mounted below it.
        recursive: bool,
        /// What is changed on it.
        attributes: Attributes,
        /// What its propagation is set to, if the clone does not have that anyway.
        propagation: Option<Propagation>,
    },
    /// Something empty, over a path that would tell of the host.
    Mask,
    /// The place itself, read-only.
    ReadOnly,
    /// The place itself, as a mount of its own.
    Volume {
        /// As for a bind.
        propagation: Option<Propagation>,
    },
    /// Nothing: the directory is there, that is all.
    Directory,
}

/// A file system of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, for fsopen(2).
    pub kind: CString,
    /// What mountinfo shows as the source, and where a file system on a device is found.
    pub source: CString,
    /// Its options, with or without a value.
    pub options: Vec<(CString, Option<CString>)>,
    /// `MOUNT_ATTR_*`, the mount's own.
    pub attributes: u64,
    /// What its propagation is set to, if anything.
    pub propagation: Option<Propagation>,
    /// Whether it is the host's, bound, because these surroundings forbid a new one.
    pub of_the_host: bool,
    /// Whether it is a `/dev`, and where its device nodes come from.
    pub devices: Option<Devices>,
    /// What mounting it is called, should it fail.
    pub(crate) operation: String,
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
            user: plan.own_user,
            pid: plan.has(libc::CLONE_NEWPID),
            network: plan.has(libc::CLONE_NEWNET),
            ipc: plan.has(libc::CLONE_NEWIPC),
        }
    }
}

/// Computes the plan. `sources` are those of the binds among `options.mounts`, in their order.
///
/// # Errors
/// Targets that would let a container's `/proc` be something else than procfs, the root as a target, and binds that
/// these surroundings cannot share.
pub fn plan(
    options: &Options,
    sources: &[Pinned],
    surroundings: Surroundings,
) -> Result<MountPlan> {
    let namespace = namespace_propagation(options);
    let mut planner = Planner {
        surroundings,
        is_private: namespace == PropagationKind::Private,
        found: Found::default(),
    };
    let mut sources = sources.iter();
    let mut entries = Vec::new();
    for mount in &options.mounts {
        let source = match mount.source {
            Source::Bind { .. } => sources.next(),
            Source::FileSystem { .. } | Source::Itself => None,
        };
        entries.push(planner.entry(mount, source)?);
    }
    let found = planner.found;
    entries.extend(made(&options.directories, found));
    entries.extend(restrictions(&options.masked, &What::Mask, found));
    entries.extend(restrictions(
        &options.read_only_paths,
        &What::ReadOnly,
        found,
    ));
    Ok(MountPlan {
        entries,
        read_only: options.read_only,
        propagation: options.propagation,
        namespace,
    })
}

/// Which mounts of ours there are already, for what comes after them in the list.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    proc: bool,
    dev: bool,
    sys: bool,
}

struct Planner {
    surroundings: Surroundings,
    /// Whether nothing in the mount namespace is propagated unless it is made so.
    is_private: bool,
    found: Found,
}

impl Planner {
    /// One mount of the list, after those before it. A bind has its `source`.
    fn entry(&mut self, mount: &Mount, source: Option<&Pinned>) -> Result<Entry> {
        let target = clean(&mount.target);
        let is_single_file = source.is_some_and(|source| !source.is_directory());
        mount::check(mount, &target, is_single_file)?;
        let what = match (&mount.source, source) {
            (
                Source::FileSystem {
                    kind,
                    source,
                    options,
                },
                _,
            ) => {
                let name = source.as_ref().unwrap_or(kind);
                let fs = FileSystem::new(kind, name, options, mount);
                What::FileSystem(self.adapted(fs, &target))
            }
            (Source::Bind { path, .. }, None) => {
                return Err(Error::new(format!(
                    "the source of the bind {} has not been looked at",
                    path.display()
                )));
            }
            (Source::Itself, _) => What::Volume {
                propagation: self.of_a_clone(mount),
            },
            (Source::Bind { recursive, .. }, Some(source)) => {
                self.check_shared(mount)?;
                What::Bind {
                    source: source.clone(),
                    recursive: *recursive,
                    attributes: mount.attributes,
                    propagation: self.of_a_clone(mount),
                }
            }
        };
        let missing = match is_single_file {
            true => Missing::File,
            false => Missing::Directory,
        };
        let entry = Entry::new(&target, missing, what, self.found);
        match target.to_str() {
            Some("/proc") => self.found.proc = true,
            Some("/dev") => self.found.dev = true,
            Some("/sys") => self.found.sys = true,
            _ => {}
        }
        Ok(entry)
    }

    /// As these surroundings allow it.
    fn adapted(&self, fs: FileSystem, target: &Path) -> FileSystem {
        let ours = match fs.kind.to_bytes() {
            b"proc" => self.surroundings.pid,
            b"mqueue" => self.surroundings.ipc,
            b"sysfs" => self.surroundings.network,
            _ => true,
        };
        // Who has a user namespace may mount only what shows another namespace that belongs to it (EPERM else).
        let of_the_host = self.surroundings.user && !ours;
        let is_dev = target == Path::new("/dev") && fs.kind.as_c_str() == c"tmpfs";
        FileSystem {
            propagation: match of_the_host && !self.is_private {
                true => Some(Propagation::RPRIVATE),
                false => fs.propagation,
            },
            of_the_host,
            devices: is_dev.then_some(match self.surroundings.user {
                true => Devices::Bind,
                false => Devices::Make,
            }),
            ..fs
        }
    }

    /// What has to be set on a clone. Where nothing is propagated, a clone is private from the beginning. Elsewhere it
    /// has what it was cloned from has, and mounts below it with it; only who asks for `shared` without `r` may mean that
    /// they keep what they have.
    fn of_a_clone(&self, mount: &Mount) -> Option<Propagation> {
        let wanted = mount.propagation.unwrap_or(Propagation::RPRIVATE);
        match wanted.kind {
            PropagationKind::Private if self.is_private => None,
            PropagationKind::Shared => Some(wanted),
            _ if self.is_private => Some(wanted),
            kind => Some(Propagation::new(kind, true)),
        }
    }

    /// The kernel makes every shared mount a slave in a mount namespace of another user namespace (mount_namespaces(7)),
    /// so one direction would be missing without a word.
    fn check_shared(&self, mount: &Mount) -> Result<()> {
        let kind = mount.propagation.unwrap_or(Propagation::RPRIVATE).kind;
        if kind == PropagationKind::Shared && self.surroundings.user {
            return Err(Error::new(format!(
                "cannot share what is mounted below {} with a container in a user namespace",
                mount.target.display()
            ))
            .hint("the host's mounts can appear there, and not the other way: use rslave"));
        }
        Ok(())
    }
}
/// The root itself is always there.
fn made(directories: &[PathBuf], found: Found) -> impl Iterator<Item = Entry> {
    directories
        .iter()
        .map(|path| clean(path))
        .filter(|path| path != Path::new("/"))
        .map(move |path| Entry::new(&path, Missing::Directory, What::Directory, found))
}

fn restrictions<'a>(
    paths: &'a [PathBuf],
    what: &'a What,
    found: Found,
) -> impl Iterator<Item = Entry> + 'a {
    paths
        .iter()
        .map(move |path| Entry::new(&clean(path), Missing::Skip, what.clone(), found))
}

impl Entry {
    fn new(target: &Path, missing: Missing, what: What, found: Found) -> Self {
        let (base, below) = match () {
            // What lies on a mount of ours is found from that mount and not from the root: whatever has become of
            // the directory it is mounted on, the mask lands in the procfs that we have mounted.
            () if found.proc && is_below(target, "/proc") => (Base::Proc, "/proc"),
            () if found.dev && is_below(target, "/dev") => (Base::Dev, "/dev"),
            () if found.sys && is_below(target, "/sys") => (Base::Sys, "/sys"),
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
    fn new(
        kind: &CStr,
        source: &CStr,
        options: &[(CString, Option<CString>)],
        mount: &Mount,
    ) -> Self {
        let attributes = mount.attributes.of_a_new_mount();
        let mut options = options.to_vec();
        // A device that cannot be written to is opened only for a file system that is read-only itself.
        let is_on_a_device = source.to_bytes().starts_with(b"/");
        if is_on_a_device && attributes & libc::MOUNT_ATTR_RDONLY != 0 {
            options.push((c"ro".into(), None));
        }
        let propagation = mount
            .propagation
            .filter(|propagation| propagation.kind != PropagationKind::Private);
        Self {
            kind: kind.into(),
            source: source.into(),
            options,
            attributes,
            propagation,
            of_the_host: false,
            devices: None,
            operation: hints::mounting(kind),
        }
    }
}

#[cfg(test)]
mod tests;

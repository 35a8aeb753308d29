//! A failed call, and the process that made it, as it stands now.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use kit::sys::namespace;
use nix::sys::stat::fstat;

use crate::cmd::map::mountinfo::{self, Mount};
use crate::cmd::map::process::Proc;

/// What a rule may look at.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The process; it stands still if we trace it.
    pub process: Proc,
    /// The call's name.
    pub call: String,
    /// The whole call, for people.
    pub invocation: String,
    /// The errno's name.
    pub errno: String,
    /// The arguments by the man page's names, as the man page writes them.
    pub arguments: BTreeMap<String, String>,
    /// The file system type behind a descriptor of fsopen(2), where the call has one.
    pub file_system: Option<String>,
}

/// Capabilities that rules ask about, by their bits (capabilities(7)).
pub(crate) const CAP_SETGID: u8 = 6;
pub(crate) const CAP_SETUID: u8 = 7;
pub(crate) const CAP_SYS_CHROOT: u8 = 18;
pub(crate) const CAP_SYS_ADMIN: u8 = 21;
pub(crate) const CAP_SYS_RESOURCE: u8 = 24;
pub(crate) const CAP_MKNOD: u8 = 27;

impl Scene {
    /// An argument's text; a string without its quotes.
    pub(crate) fn argument(&self, name: &str) -> &str {
        let text = self.arguments.get(name).map_or("", String::as_str);
        let inside = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        inside.unwrap_or(text)
    }

    /// Whether any argument has this flag.
    pub(crate) fn has_flag(&self, flag: &str) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.arguments
            .values()
            .any(|text| text.split(|c| !is_word(c)).any(|word| word == flag))
    }

    /// Whether it has the capability, in its own user namespace.
    pub(crate) fn may(&self, capability: u8) -> bool {
        self.process
            .capabilities()
            .is_some_and(|set| set >> capability & 1 == 1)
    }

    /// Whether its user namespace is the first of all. That has one inode number since Linux 3.8
    /// (PROC_USER_INIT_INO).
    pub(crate) fn is_in_first_user_namespace(&self) -> bool {
        self.process.namespace("user") == Some(0xEFFF_FFFD)
    }

    /// The inode number of the user namespace that owns its namespace of this kind.
    pub(crate) fn owner_of(&self, kind: &str) -> Option<u64> {
        let file = File::open(self.process.path(&format!("ns/{kind}"))).ok()?;
        let owner = namespace::owner(file).ok()?;
        fstat(&owner).ok().map(|file| file.st_ino)
    }

    /// How many user namespaces are around its own.
    pub(crate) fn user_namespace_depth(&self) -> Option<usize> {
        let mut current =
            std::os::fd::OwnedFd::from(File::open(self.process.path("ns/user")).ok()?);
        let mut depth = 0;
        while let Ok(parent) = namespace::parent(&current) {
            current = parent;
            depth += 1;
        }
        Some(depth)
    }

    /// Its mounts.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        self.process.mounts()
    }

    /// The path argument `name`, below the descriptor argument `directory` if it has one, as the process sees it:
    /// absolute, and without symlinks as far as it exists.
    pub(crate) fn path(&self, directory: Option<&str>, name: &str) -> Option<PathBuf> {
        let text = PathBuf::from(self.argument(name));
        let base = match directory.map(|directory| self.argument(directory)) {
            Some(text) if text.contains('<') => self.descriptor_path(text)?,
            _ => self.process.link("cwd")?,
        };
        let whole = if text.is_absolute() {
            text
        } else {
            base.join(text)
        };
        self.resolved(&whole)
    }

    /// `7</x/y>` is `/x/y`.
    pub(crate) fn descriptor_path(&self, text: &str) -> Option<PathBuf> {
        let (_, path) = text.split_once('<')?;
        Some(PathBuf::from(path.strip_suffix('>')?)).filter(|path| path.is_absolute())
    }

    /// Where we find a path that the process sees: through its root.
    pub(crate) fn our_path(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix("/").unwrap_or(path);
        self.process.path("root").join(below)
    }

    /// Without symlinks and `..`, step by step below the process's root. What does not exist is left as it is.
    fn resolved(&self, path: &Path) -> Option<PathBuf> {
        let mut done = PathBuf::from("/");
        let mut todo: Vec<_> = components(path);
        let mut links = 0;
        while let Some(step) = todo.pop() {
            match step {
                Step::Up => {
                    done.pop();
                }
                Step::Down(name) => {
                    let next = done.join(&name);
                    match std::fs::read_link(self.our_path(&next)) {
                        Ok(target) if links < 40 => {
                            links += 1;
                            if target.is_absolute() {
                                done = PathBuf::from("/");
                            }
                            todo.extend(components(&target));
                        }
                        Ok(_) => return None,
                        Err(_) => done = next,
                    }
                }
            }
        }
        Some(done)
    }

    /// The text of the file that a descriptor argument stands for, read anew.
    pub(crate) fn descriptor_text(&self, text: &str) -> Option<String> {
        let number = text.split('<').next()?;
        read(&self.process.path(&format!("fd/{number}")))
    }

    /// The text of a file that the process sees.
    pub(crate) fn read(&self, path: &Path) -> Option<String> {
        read(&self.our_path(path))
    }

    /// The mount that is mounted at exactly this path, in the process's mount namespace.
    pub(crate) fn mount_at(&self, path: &Path) -> Option<Mount> {
        mountinfo::at(&self.mounts(), path).cloned()
    }

    /// The mount that this path lies on.
    pub(crate) fn mount_of(&self, path: &Path) -> Option<Mount> {
        mountinfo::containing(&self.mounts(), path).cloned()
    }

    /// The mount that this one is mounted on.
    pub(crate) fn parent_of(&self, mount: &Mount) -> Option<Mount> {
        self.mounts()
            .into_iter()
            .find(|other| other.id == mount.parent && other.id != mount.id)
    }

    /// The user and system limits of the process by its name in `/proc/PID/limits`: soft and hard, `None` for no limit.
    pub(crate) fn limit(&self, name: &str) -> Option<(Option<u64>, Option<u64>)> {
        let text = self.process.read("limits");
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        let mut values = rest.split_whitespace().map(|word| word.parse().ok());
        Some((values.next()?, values.next()?))
    }
}

enum Step {
    Up,
    Down(std::ffi::OsString),
}

/// Last first, to be taken off the end.
fn components(path: &Path) -> Vec<Step> {
    let steps = path.components().filter_map(|component| match component {
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        _ => None,
    });
    steps.collect::<Vec<_>>().into_iter().rev().collect()
}

/// At most a megabyte, for what is read may be anything.
pub(crate) fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(1 << 20)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

//! Many layers, shown as one file system: overlayfs (kernel documentation, filesystems/overlayfs).
//!
//! What is to be mounted is a [`Overlay`], pure data; [`Overlay::mount`] is the few system calls, made in the child. The
//! result is a *detached* mount, a descriptor: no directory of the host ever has it on it, so none is left behind.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::sys::mount::FileSystem;
use kit::{Error, Failure, Result};
use nix::errno::Errno;

use crate::fallback::{self, MountOption};
use crate::whiteout::Namespace;

/// The layers of one mount, ready for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The topmost first, as the kernel wants them.
    lower: Vec<CString>,
    writable: Option<Writable>,
    namespace: Namespace,
}

/// Escaped: of these paths the kernel takes a backslash away, however it is given them; of lower ones it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Writable {
    upper: CString,
    work: CString,
}

/// `OVL_MAX_STACK`: so many lower layers the kernel takes.
pub const MAX_LAYERS: usize = 500;

impl Overlay {
    /// `lower` is in an image's order, the bottom first. Paths are absolute, and seen in the mount namespace of whoever
    /// mounts.
    ///
    /// # Errors
    /// No layer, too many, or a path that is relative.
    pub fn new(lower: &[PathBuf], namespace: Namespace) -> Result<Self> {
        if lower.is_empty() {
            return Err(Error::new("an overlay needs at least one layer"));
        }
        if lower.len() > MAX_LAYERS {
            return Err(Error::new(format!(
                "{} layers are more than overlayfs takes, which is {MAX_LAYERS}",
                lower.len()
            )));
        }
        let lower = lower
            .iter()
            .rev()
            .map(|path| absolute(path))
            .collect::<Result<_>>()?;
        Ok(Self {
            lower,
            writable: None,
            namespace,
        })
    }

    /// With a directory that takes the changes. `work` is empty, on the same file system as `upper`, and of no other use.
    ///
    /// # Errors
    /// A path that is relative.
    pub fn writable(mut self, upper: &Path, work: &Path) -> Result<Self> {
        self.writable = Some(Writable {
            upper: escaped(absolute(upper)?)?,
            work: escaped(absolute(work)?)?,
        });
        Ok(self)
    }

    // ANCHOR: options
    /// The mount's options, in the order in which they are set.
    ///
    /// * `index=off`: an index would bind an upper directory to the very file handles of its lower ones, and a layer that
    ///   was removed and pulled again would be refused (ESTALE).
    /// * `metacopy=off`, `redirect_dir=nofollow`: both let an attribute in one layer point at a file in another. Layers
    ///   come from strangers, and a packed layer must hold all that it shows.
    /// * `xino=auto`: inode numbers that stay the same, and are unique, where the file system below has bits to spare.
    /// * `userxattr`: in a user namespace, overlayfs may keep its marks only in `user.overlay.*` (Linux 5.11). It implies
    ///   the second line.
    pub(crate) fn options(&self) -> &'static [MountOption] {
        match self.namespace {
            Namespace::User => &[
                (c"index", Some(c"off")),
                (c"xino", Some(c"auto")),
                (c"userxattr", None),
            ],
            Namespace::Trusted => &[
                (c"index", Some(c"off")),
                (c"xino", Some(c"auto")),
                (c"metacopy", Some(c"off")),
                (c"redirect_dir", Some(c"nofollow")),
            ],
        }
    }
    // ANCHOR_END: options

    /// Mounts it, detached. For the child.
    ///
    /// Before Linux 6.8 a layer cannot be given by itself, and no kernel takes more than 255 bytes as the value of an
    /// option. Both are EINVAL, from one call or another; then the old way is tried, which knows neither limit.
    pub fn mount(&self) -> Result<OwnedFd, Failure<'_>> {
        match self.mount_one_by_one() {
            Err(first) if first.errno == Errno::EINVAL => {
                self.mount_by_string().map_err(|second| match second.errno {
                    Errno::EINVAL => first,
                    _ => second,
                })
            }
            other => other,
        }
    }

    // ANCHOR: mount
    fn mount_one_by_one(&self) -> Result<OwnedFd, Failure<'_>> {
        let top = self.lower[0].to_bytes();
        let fails = |errno| Failure::new(MOUNT, top, errno);
        let overlay = FileSystem::open(c"overlay").map_err(fails)?;
        // What mountinfo shows as the source; else it would be "none".
        overlay.set(c"source", c"overlay").map_err(fails)?;
        for lower in &self.lower {
            let added = overlay.set(c"lowerdir+", lower);
            added.map_err(Failure::of(ADD_LAYER, lower.to_bytes()))?;
        }
        if let Some(Writable { upper, work }) = &self.writable {
            for (key, path) in [(c"upperdir", upper), (c"workdir", work)] {
                let set = overlay.set(key, path);
                set.map_err(Failure::of(ADD_UPPER, path.to_bytes()))?;
            }
        }
        for (key, value) in self.options() {
            match value {
                Some(value) => overlay.set(key, value),
                None => overlay.set_flag(key),
            }
            .map_err(fails)?;
        }
        overlay.mount(0).map_err(fails)
    }
    // ANCHOR_END: mount

    /// The same as kernels before 6.8 need it: see `fallback.rs`. [`mount`](Self::mount) comes to it by itself.
    pub fn mount_by_string(&self) -> Result<OwnedFd, Failure<'_>> {
        let writable = self.writable.as_ref();
        let above = writable.map(|Writable { upper, work }| (upper.as_c_str(), work.as_c_str()));
        fallback::mount(&self.lower, above, self.options())
            .map_err(Failure::of(MOUNT, self.lower[0].to_bytes()))
    }

    /// The likely cause of a failure of [`mount`](Self::mount).
    pub fn hint(failure: &Failure<'_>) -> Option<&'static str> {
        Some(match (failure.operation, failure.errno) {
            (MOUNT, Errno::ENODEV) => "the kernel has no overlayfs: `modprobe overlay`",
            (MOUNT, Errno::EPERM) => "in a user namespace overlayfs needs Linux 5.11",
            (MOUNT | ADD_UPPER, Errno::EINVAL) => {
                "overlayfs refuses some directories as upper: one that is itself on overlayfs (as inside a container), on \
                 another file system than its work directory, or without extended attributes; `dmesg | tail` says which"
            }
            (MOUNT, Errno::EBUSY) => "the upper or work directory is in use by another mount",
            (MOUNT, Errno::ELOOP) => {
                "a layer is given twice, or lies in another: each needs a directory of its own"
            }
            (MOUNT, Errno::ESTALE) => "the upper directory belongs to other layers",
            (MOUNT | ADD_UPPER, Errno::EACCES) => {
                "the user that --uid-map makes root may not enter a directory on the way, such as the data root: give \
                 --upper and --work, two directories of his own where he may go"
            }
            (ADD_LAYER, Errno::EACCES) => {
                "the user that is root in the container may not enter a directory on the way to the layer"
            }
            (_, Errno::ENOENT) => "a layer is missing: it was removed, or never unpacked",
            (_, Errno::ENOTDIR) => "a layer is a directory",
            _ => return None,
        })
    }
}

const MOUNT: &str = "mount the layers, topmost";
const ADD_LAYER: &str = "add the layer";
const ADD_UPPER: &str = "add the writable layer";

/// A backslash escapes what follows; in a string of options, a comma would begin the next one.
fn escaped(path: CString) -> Result<CString> {
    let mut text = Vec::new();
    for byte in path.into_bytes() {
        if matches!(byte, b',' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    CString::new(text).map_err(|_| Error::new("a path holds a NUL byte"))
}

fn absolute(path: &Path) -> Result<CString> {
    if !path.is_absolute() {
        return Err(Error::new(format!(
            "{} is not an absolute path",
            path.display()
        )));
    }
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::new(format!("{} holds a NUL byte", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_order_is_turned_into_the_kernels() {
        let overlay = Overlay::new(&["/base".into(), "/top".into()], Namespace::Trusted).unwrap();
        assert_eq!(
            overlay.lower,
            [CString::from(c"/top"), CString::from(c"/base")]
        );
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_by_name() {
        let paths = |count| vec![PathBuf::from("/l"); count];
        assert!(Overlay::new(&paths(0), Namespace::Trusted).is_err());
        assert!(Overlay::new(&paths(500), Namespace::Trusted).is_ok());
        let error = Overlay::new(&paths(501), Namespace::Trusted).unwrap_err();
        assert!(error.to_string().contains("501 layers"), "{error}");
        assert!(Overlay::new(&["relative".into()], Namespace::Trusted).is_err());
    }

    #[test]
    fn a_user_namespace_keeps_its_marks_elsewhere() {
        let options = |namespace| Overlay::new(&["/l".into()], namespace).unwrap().options();
        assert!(options(Namespace::User).contains(&(c"userxattr", None)));
        assert!(!options(Namespace::Trusted).contains(&(c"userxattr", None)));
        assert!(options(Namespace::Trusted).contains(&(c"metacopy", Some(c"off"))));
    }
}

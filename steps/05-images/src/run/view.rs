//! A look into the files of a container that is not there yet: its layers as it will see them, without its changes.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use kit::sys::descriptor::openat2;
use kit::{Error, Result};
use layers::overlay::Overlay;
use layers::whiteout::Namespace;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// So much of a file is read. Directories of users are not larger.
const MOST: u64 = 16 << 20;

/// The root directory of the container.
#[derive(Debug)]
pub(super) struct View(OwnedFd);

impl View {
    /// Of `layers`, the bottom first. Several are mounted, where nobody can see it but this.
    ///
    /// # Errors
    /// What the kernel refuses: several layers need root.
    pub(super) fn new(layers: &[PathBuf]) -> Result<Self> {
        if let [only] = layers {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let root = open(only, flags, Mode::empty());
            return root
                .map(Self)
                .map_err(|errno| Error::sys("open the layer", only, errno));
        }
        let overlay = Overlay::new(layers, Namespace::here())?;
        let mount = overlay.mount().map_err(|failure| {
            let error = failure.to_error();
            match failure.errno {
                Errno::EPERM => error.hint(
                    "to look a name up in an image of several layers takes root: give the user by numbers, as in -u 1000:1000",
                ),
                _ => error,
            }
        });
        mount.map(Self)
    }

    /// The text of a file, or nothing if it is not there. What is not UTF-8 in it is replaced.
    ///
    /// Symbolic links are followed inside the root alone, by the kernel, and what is no regular file is not opened: a
    /// fifo would never end, a device is the host's.
    ///
    /// # Errors
    /// What is there is no file, is too large, or cannot be read.
    pub(super) fn text(&self, path: &CStr) -> Result<String> {
        let shown = path.to_string_lossy();
        let resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
        let at = |flags| openat2(&self.0, path, flags, 0, resolve);
        let fails = |errno| {
            let error = Error::sys("open, in the image,", format!("/{shown}"), errno);
            match errno {
                Errno::ELOOP => error.hint(
                    "its symbolic links lead in a circle, or to where only the kernel's own lead",
                ),
                _ => error,
            }
        };
        let place = match at(libc::O_PATH) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(String::new()),
            other => File::from(other.map_err(fails)?),
        };
        let io = |e: &std::io::Error| Error::io("read, in the image,", format!("/{shown}"), e);
        let metadata = place.metadata().map_err(|e| io(&e))?;
        if !metadata.is_file() || metadata.len() > MOST {
            return Err(
                Error::new(format!("the image's /{shown} is no file that can be read"))
                    .hint("users and groups are listed in a regular file of at most 16 MiB"),
            );
        }
        // The layers do not change: it is the same file.
        let file = File::from(at(libc::O_RDONLY | libc::O_NONBLOCK).map_err(fails)?);
        let mut bytes = Vec::new();
        file.take(MOST)
            .read_to_end(&mut bytes)
            .map_err(|e| io(&e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside_and_only_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(dir.path().join("outside"), "outside").unwrap();
        std::fs::write(root.join("real"), b"in\xffside").unwrap();
        symlink("/real", root.join("etc/link")).unwrap();
        symlink("../../../outside", root.join("etc/out")).unwrap();
        symlink(dir.path().join("outside"), root.join("etc/absolute")).unwrap();
        symlink("loop", root.join("etc/loop")).unwrap();
        nix::unistd::mkfifo(&root.join("etc/fifo"), Mode::S_IRWXU).unwrap();
        let view = View::new(&[root]).unwrap();
        assert_eq!(view.text(c"etc/link").unwrap(), "in\u{fffd}side");
        for missing in [c"etc/out", c"etc/absolute", c"etc/none", c"real/none"] {
            assert_eq!(view.text(missing).unwrap(), "", "{missing:?}");
        }
        for wrong in [c"etc/loop", c"etc/fifo", c"etc"] {
            assert!(view.text(wrong).is_err(), "{wrong:?}");
        }
    }
}

//! A look into the files of a container that is not there yet: its layers as it will see them, without its changes.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::sys::descriptor::openat2;
use kit::{Error, Result};
use layers::overlay::Overlay;
use layers::whiteout::Namespace;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::stat::Mode;

/// So much of a file is read. Directories of users are not larger.
const MOST: u64 = 16 << 20;

/// So many links the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

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
                    "to look a name up in an image of several layers takes root: give the user by numbers, as in -u 0",
                ),
                _ => error,
            }
        });
        mount.map(Self)
    }

    /// Where `directory` is, or would be, if every symbolic link on the way is followed, those that lead to nothing among
    /// them: a path without links, which never leads above the root.
    pub(super) fn place(&self, directory: &Path) -> PathBuf {
        let mut place = PathBuf::from("/");
        let mut links = 0;
        let mut rest = reversed(directory);
        while let Some(component) = rest.pop() {
            match component.as_bytes() {
                b"/" => place = PathBuf::from("/"),
                b"." => {}
                b".." => {
                    place.pop();
                }
                _ => match self.link(&place.join(&component)) {
                    Some(target) if links < MOST_LINKS => {
                        links += 1;
                        rest.extend(reversed(Path::new(&target)));
                    }
                    // Who goes on in a circle is told so by the kernel.
                    Some(_) => return directory.to_owned(),
                    None => place.push(component),
                },
            }
        }
        place
    }

    /// Where the symbolic link at `path` leads, if one is there; on the way to it is none.
    fn link(&self, path: &Path) -> Option<OsString> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        let resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
        let place = openat2(&self.0, &path, libc::O_PATH | libc::O_NOFOLLOW, 0, resolve).ok()?;
        readlinkat(place, c"").ok()
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

fn reversed(path: &Path) -> Vec<OsString> {
    path.iter().rev().map(OsStr::to_owned).collect()
}

/// Whether the topmost layer that has anything there has this directory, with no link on the way. Then it takes no
/// mount to say where it is. The bottom layer is the first.
pub(super) fn is_plain(layers: &[PathBuf], directory: &Path) -> bool {
    let Ok(relative) = directory.strip_prefix("/") else {
        return false;
    };
    let Ok(relative) = CString::new(relative.as_os_str().as_bytes()) else {
        return false;
    };
    let resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let found = layers.iter().rev().find_map(|layer| {
        let wanted = libc::O_PATH | libc::O_DIRECTORY;
        let layer = open(layer, flags, Mode::empty()).ok()?;
        match openat2(&layer, &relative, wanted, 0, resolve) {
            Err(Errno::ENOENT) => None,
            // A link, a file, a whiteout: what the layers below have is not what is seen.
            found => Some(found.is_ok()),
        }
    });
    found.unwrap_or(false)
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

    #[test]
    fn a_place_is_found_where_links_lead_to_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        for (link, to) in [
            ("root", "/"),
            ("nothing", "/nowhere/x"),
            ("twice", "nothing/y"),
            ("out", "../../outside"),
            ("a/b/up", "../../a"),
            ("loop", "loop"),
        ] {
            symlink(to, root.join(link)).unwrap();
        }
        let view = View::new(&[root]).unwrap();
        for (path, place) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/new/b", "/a/new/b"),
            ("/root", "/"),
            ("/root/a", "/a"),
            ("/nothing", "/nowhere/x"),
            ("/nothing/z", "/nowhere/x/z"),
            ("/twice", "/nowhere/x/y"),
            ("/out/x", "/outside/x"),
            ("/a/b/up/new", "/a/new"),
            ("/loop/x", "/loop/x"),
        ] {
            assert_eq!(view.place(Path::new(path)), Path::new(place), "{path}");
        }
    }

    #[test]
    fn a_link_hides_a_directory_of_the_layers_below() {
        let dir = tempfile::tempdir().unwrap();
        let [bottom, middle, top] = ["bottom", "middle", "top"].map(|name| {
            let layer = dir.path().join(name);
            std::fs::create_dir(&layer).unwrap();
            layer
        });
        std::fs::create_dir_all(bottom.join("app/deep")).unwrap();
        symlink("/", middle.join("app")).unwrap();
        let is_plain = |layers: &[&PathBuf], directory: &str| {
            let layers: Vec<_> = layers.iter().map(|layer| (*layer).clone()).collect();
            super::is_plain(&layers, Path::new(directory))
        };
        assert!(is_plain(&[&bottom, &top], "/app/deep"));
        assert!(!is_plain(&[&bottom, &middle, &top], "/app/deep"));
        assert!(!is_plain(&[&bottom, &middle, &top], "/app"));
        assert!(is_plain(&[&middle, &bottom], "/app"));
        assert!(!is_plain(&[&bottom], "/elsewhere"));
    }
}

//! A look into the files of a container that is not there yet: its layers as it will see them, without its changes.

use std::ffi::{CStr, OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use layers::lower::{Lower, Shown};
use layers::whiteout::Namespace;
use nix::errno::Errno;

/// So much of a file is read. Directories of users are not larger.
const MOST: u64 = 16 << 20;

/// So many links the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// The root directory of the container. Nothing is mounted, so that nobody needs a privilege to look.
#[derive(Debug)]
pub(super) struct View(Lower);

/// What a path may lead over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Only what is there.
    There,
    /// Also what is not there yet: a `..` then takes away the name before it.
    Planned,
}

impl View {
    /// Of `layers`, the bottom first.
    ///
    /// # Errors
    /// A layer that cannot be opened.
    pub(super) fn new(layers: &[PathBuf]) -> Result<Self> {
        Lower::open(layers, Namespace::here()).map(Self)
    }

    /// Where `directory` is, or would be, if every symbolic link on the way is followed, those that lead to nothing among
    /// them: a path without links, which never leads above the root.
    pub(super) fn place(&self, directory: &Path) -> PathBuf {
        match self.walk(directory, Way::Planned) {
            Ok(place) => place.path(),
            // Who goes on in a circle is told so by the kernel, and so is who may not look.
            Err(_) => directory.to_owned(),
        }
    }

    /// The text of a file, or nothing if it is not there. What is not UTF-8 in it is replaced.
    ///
    /// Symbolic links are followed inside the root alone, and what is no regular file is not opened: a fifo would never
    /// end, a device is the host's.
    ///
    /// # Errors
    /// What is there is no file, is too large, or cannot be read.
    pub(super) fn text(&self, path: &CStr) -> Result<String> {
        let shown = path.to_string_lossy();
        let fails = |errno| {
            let error = Error::sys("open, in the image,", format!("/{shown}"), errno);
            match errno {
                Errno::ELOOP => error.hint(format!(
                    "its symbolic links lead in a circle, or are more than {MOST_LINKS}"
                )),
                _ => error,
            }
        };
        let file = match self.walk(Path::new(OsStr::from_bytes(path.to_bytes())), Way::There) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(String::new()),
            place => place.map_err(fails)?.last().cloned(),
        };
        let is_small = |file: &Shown| u64::try_from(file.stat().st_size).is_ok_and(|n| n <= MOST);
        let Some(file) = file.filter(|file| file.is_file() && is_small(file)) else {
            return Err(
                Error::new(format!("the image's /{shown} is no file that can be read"))
                    .hint("users and groups are listed in a regular file of at most 16 MiB"),
            );
        };
        let file = self.0.read(&file).map_err(fails)?;
        let mut bytes = Vec::new();
        file.take(MOST)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("read, in the image,", format!("/{shown}"), &e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Follows `path` from the root, component by component, as path_resolution(7) has it.
    fn walk(&self, path: &Path, way: Way) -> nix::Result<Place> {
        let mut place = Place {
            root: self.0.root()?,
            below: Vec::new(),
        };
        let mut links = 0;
        let mut rest = reversed(path);
        while let Some(component) = rest.pop() {
            match component.as_bytes() {
                b"/" => place.below.clear(),
                b"." => {}
                b".." => place.up(way)?,
                _ => match self.look(&place, &component, way)? {
                    Some(link) if link.is_link() => {
                        if links == MOST_LINKS {
                            return Err(Errno::ELOOP);
                        }
                        links += 1;
                        rest.extend(reversed(Path::new(&self.0.link(&link)?)));
                    }
                    next => place.below.push((component, next)),
                },
            }
        }
        Ok(place)
    }

    /// What is called `name` in a place.
    fn look(&self, place: &Place, name: &OsStr, way: Way) -> nix::Result<Option<Shown>> {
        let found = match place.last() {
            Some(directory) => self.0.child(directory, name),
            None => Ok(None),
        };
        match way {
            Way::There => found?.ok_or(Errno::ENOENT).map(Some),
            // Where something cannot be seen, it is taken for what has to be made.
            Way::Planned => Ok(found.unwrap_or_default()),
        }
    }
}

/// A path without links, with what is at each of its components, if something is.
struct Place {
    root: Option<Shown>,
    below: Vec<(OsString, Option<Shown>)>,
}

impl Place {
    fn last(&self) -> Option<&Shown> {
        match self.below.last() {
            Some((_, last)) => last.as_ref(),
            None => self.root.as_ref(),
        }
    }

    /// To the directory that it is in; above the root there is the root.
    fn up(&mut self, way: Way) -> nix::Result<()> {
        let is_directory = self.last().is_some_and(Shown::is_directory);
        if way == Way::There && !is_directory {
            return Err(Errno::ENOTDIR);
        }
        self.below.pop();
        Ok(())
    }

    fn path(&self) -> PathBuf {
        let names = self.below.iter().map(|(name, _)| name.as_os_str());
        [OsStr::new("/")].into_iter().chain(names).collect()
    }
}

fn reversed(path: &Path) -> Vec<OsString> {
    path.iter().rev().map(OsStr::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;
    use std::os::unix::fs::symlink;

    use layers::extract::{Options, extract};
    use layers::tar::Limits;
    use nix::sys::stat::{SFlag, makedev, mknod};

    use super::*;
    use crate::testing::archive;

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

    /// Layers to make files in, the bottom first.
    fn empty_layers<const N: usize>() -> (tempfile::TempDir, [PathBuf; N]) {
        let dir = tempfile::tempdir().unwrap();
        let layers = std::array::from_fn(|number| {
            let layer = dir.path().join(number.to_string());
            std::fs::create_dir(&layer).unwrap();
            layer
        });
        (dir, layers)
    }

    fn write(layer: &Path, file: &str, text: &str) {
        let path = layer.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_topmost_layer_that_has_a_file_shows_it() {
        let (_dir, [bottom, middle, top]) = empty_layers();
        write(&bottom, "etc/passwd", "bottom");
        write(&bottom, "etc/group", "bottom");
        write(&middle, "etc/passwd", "middle");
        write(&top, "etc/other", "top");
        let view = View::new(&[bottom, middle, top]).unwrap();
        assert_eq!(view.text(c"etc/passwd").unwrap(), "middle");
        assert_eq!(view.text(c"etc/group").unwrap(), "bottom");
        assert_eq!(view.text(c"etc/other").unwrap(), "top");
        assert_eq!(view.text(c"etc/none").unwrap(), "");
        assert_eq!(view.text(c"etc/none/../group").unwrap(), "");
        assert_eq!(view.text(c"etc/group/../group").unwrap(), "");
    }

    #[test]
    fn a_link_leads_across_layers_and_never_out_of_the_root() {
        let (dir, [bottom, top]) = empty_layers();
        write(dir.path(), "outside", "outside");
        write(&bottom, "usr/lib/passwd", "bottom");
        write(&top, "usr/lib/group", "top");
        symlink("usr/lib", bottom.join("lib")).unwrap();
        std::fs::create_dir(top.join("etc")).unwrap();
        symlink("../../../lib/passwd", top.join("etc/passwd")).unwrap();
        symlink("/lib/../lib/group", top.join("etc/group")).unwrap();
        symlink("../../../../outside", top.join("etc/up")).unwrap();
        symlink(dir.path().join("outside"), top.join("etc/out")).unwrap();
        symlink("circle", top.join("etc/circle")).unwrap();
        let view = View::new(&[bottom, top]).unwrap();
        assert_eq!(view.text(c"etc/passwd").unwrap(), "bottom");
        assert_eq!(view.text(c"etc/group").unwrap(), "top");
        assert_eq!(view.text(c"etc/up").unwrap(), "");
        assert_eq!(view.text(c"etc/out").unwrap(), "");
        let circle = view.text(c"etc/circle").unwrap_err();
        assert_eq!(circle.errno(), Some(Errno::ELOOP));
        assert_eq!(view.place(Path::new("/lib/new")), Path::new("/usr/lib/new"));
    }

    #[test]
    fn so_many_links_are_followed_as_the_kernel_follows() {
        let (_dir, [layer]) = empty_layers();
        write(&layer, "0", "text");
        for link in 1..=MOST_LINKS + 1 {
            symlink((link - 1).to_string(), layer.join(link.to_string())).unwrap();
        }
        let view = View::new(&[layer]).unwrap();
        assert_eq!(view.text(c"40").unwrap(), "text");
        assert!(view.text(c"41").is_err());
    }

    #[test]
    fn a_file_of_more_than_16_mib_is_not_read() {
        let (_dir, [layer]) = empty_layers();
        let make = |name: &str, length| {
            let file = std::fs::File::create(layer.join(name)).unwrap();
            file.set_len(length).unwrap();
        };
        make("most", MOST);
        make("more", MOST + 1);
        let view = View::new(std::slice::from_ref(&layer)).unwrap();
        assert!(view.text(c"most").is_ok());
        assert!(view.text(c"more").is_err());
    }

    #[test]
    fn what_is_no_directory_hides_the_files_below() {
        let (_dir, [bottom, middle, top]) = empty_layers();
        write(&bottom, "etc/passwd", "bottom");
        write(&bottom, "file", "bottom");
        write(&middle, "etc", "a file");
        write(&middle, "file/inside", "middle");
        let both = View::new(&[bottom.clone(), middle.clone()]).unwrap();
        assert_eq!(both.text(c"etc/passwd").unwrap(), "");
        assert!(both.text(c"file").is_err());
        assert_eq!(both.text(c"file/inside").unwrap(), "middle");
        // A directory above the file does not bring back what the file hides.
        write(&top, "etc/group", "top");
        let all = View::new(&[bottom, middle, top]).unwrap();
        assert_eq!(all.text(c"etc/group").unwrap(), "top");
        assert_eq!(all.text(c"etc/passwd").unwrap(), "");
    }

    #[test]
    fn a_whiteout_hides_the_files_below() {
        let (_dir, [bottom, middle, top]) = empty_layers();
        let whiteout = |path: PathBuf| {
            mknod(&path, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).unwrap();
        };
        write(&bottom, "etc/passwd", "bottom");
        write(&bottom, "etc/group", "bottom");
        write(&bottom, "lib/passwd", "bottom");
        write(&middle, "etc/other", "middle");
        whiteout(middle.join("etc/passwd"));
        whiteout(middle.join("lib"));
        write(&top, "lib/group", "top");
        let view = View::new(&[bottom, middle, top]).unwrap();
        assert_eq!(view.text(c"etc/passwd").unwrap(), "");
        assert_eq!(view.text(c"etc/group").unwrap(), "bottom");
        assert_eq!(view.text(c"lib/passwd").unwrap(), "");
        assert_eq!(view.text(c"lib/group").unwrap(), "top");
    }

    #[test]
    fn an_opaque_directory_hides_the_files_below() {
        let (_dir, [bottom, top]) = empty_layers();
        write(&bottom, "etc/passwd", "bottom");
        write(&bottom, "lib/passwd", "bottom");
        let archive = archive(&[("etc/.wh..wh..opq", b""), ("etc/group", b"top")]);
        let options = Options {
            namespace: Namespace::here(),
            keep_owners: false,
            limits: Limits::default(),
        };
        extract(&archive[..], &top, options).unwrap();
        let view = View::new(&[bottom, top]).unwrap();
        assert_eq!(view.text(c"etc/passwd").unwrap(), "");
        assert_eq!(view.text(c"etc/group").unwrap(), "top");
        assert_eq!(view.text(c"lib/passwd").unwrap(), "bottom");
    }
}

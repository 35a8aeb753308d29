//! Whiteouts take no root since Linux 5.8, nor do the attributes of a user namespace.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::{makedev, mknod};
use tempfile::TempDir;

use super::*;

/// Layers `0`, `1` and so on, the bottom first.
struct Scene {
    directory: TempDir,
    layers: usize,
}

impl Scene {
    /// Each word is a path: of a directory if it ends in a slash, of a whiteout if it ends in `-`, of an opaque directory
    /// if it ends in `!`, and else of a file that holds its own path.
    fn new(layers: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (number, words) in layers.iter().enumerate() {
            let layer = directory.path().join(number.to_string());
            fs::create_dir(&layer).unwrap();
            for word in words.split_whitespace() {
                let path = layer.join(word.trim_end_matches(['/', '-', '!']));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                match word.as_bytes().last() {
                    Some(b'/') => fs::create_dir_all(path).unwrap(),
                    Some(b'-') => {
                        mknod(&path, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).unwrap();
                    }
                    Some(b'!') => {
                        fs::create_dir_all(&path).unwrap();
                        let flags = rustix::fs::XattrFlags::empty();
                        rustix::fs::setxattr(path, "user.overlay.opaque", b"y", flags).unwrap();
                    }
                    _ => fs::write(path, format!("{number}/{word}")).unwrap(),
                }
            }
        }
        Self {
            directory,
            layers: layers.len(),
        }
    }

    fn open(&self, namespace: Namespace) -> Lower {
        let path = |number: usize| self.directory.path().join(number.to_string());
        let paths: Vec<PathBuf> = (0..self.layers).map(path).collect();
        Lower::open(&paths, namespace).unwrap()
    }
}

/// What is at a path: nothing, the layers that show a directory (the bottom is 0), or what a file holds.
fn seen(lower: &Lower, path: &str) -> String {
    let Some(shown) = lower.at(path.as_bytes()).unwrap() else {
        return "nothing".to_owned();
    };
    if shown.is_file() {
        return std::io::read_to_string(lower.read(&shown).unwrap()).unwrap();
    }
    assert!(shown.is_directory(), "{path}");
    let number = |layer: &usize| (lower.layers.len() - 1 - layer).to_string();
    let layers: Vec<String> = shown.layers.iter().map(number).collect();
    format!("directory of {}", layers.join(" "))
}

#[test]
fn a_path_shows_what_the_layers_have_and_do_not_hide() {
    for (layers, path, expected) in [
        (&["a"][..], "/a", "0/a"),
        (&["a", "a"], "/a", "1/a"),
        (&["d/a", "d/b"], "/d/a", "0/d/a"),
        (&["d/a", "d/b"], "/d", "directory of 1 0"),
        (&["d/a"], "/d/a/b", "nothing"),
        (&["d/a"], "", "directory of 0"),
        // A whiteout hides what is below it, and is hidden by what is above.
        (&["a", "a-"], "/a", "nothing"),
        (&["a", "a-", "a"], "/a", "2/a"),
        (&["a", "a-", "b"], "/a", "nothing"),
        (&["d/a", "d-", "d/b"], "/d/a", "nothing"),
        (&["d/a", "d-", "d/b"], "/d", "directory of 2"),
        (&["a-"], "/a", "nothing"),
        // So does an opaque directory, with all that is in it.
        (&["d/a", "d! d/b"], "/d/a", "nothing"),
        (&["d/a", "d! d/b"], "/d/b", "1/d/b"),
        (&["d/e/a", "d!", "d/e/b"], "/d/e", "directory of 2"),
        (&["d/e/a", "d! d/e/c", "d/e/b"], "/d/e", "directory of 2 1"),
        (&["d/a", "d!", "d/b"], "/d", "directory of 2 1"),
        (&["d! d/a"], "/d/a", "0/d/a"),
        (&["a", "! b", "c"], "", "directory of 2 1"),
        (&["a", "! b", "c"], "/a", "nothing"),
        // What is no directory hides one, also where another directory is above it.
        (&["d/a", "d"], "/d/a", "nothing"),
        (&["d/a", "d", "d/b"], "/d/a", "nothing"),
        (&["d/a", "d", "d/b"], "/d/b", "2/d/b"),
        (&["d", "d/a"], "/d", "directory of 1"),
    ] {
        let scene = Scene::new(layers);
        let lower = scene.open(Namespace::User);
        assert_eq!(seen(&lower, path), expected, "{layers:?} {path}");
    }
}

#[test]
fn the_mark_of_another_namespace_means_nothing() {
    let scene = Scene::new(&["d/a", "d! d/b"]);
    let seen = |namespace| seen(&scene.open(namespace), "/d/a");
    assert_eq!(seen(Namespace::User), "nothing");
    assert_eq!(seen(Namespace::Trusted), "0/d/a");
}

#[test]
fn a_link_is_shown_as_itself_and_never_walked() {
    let scene = Scene::new(&["d/a", ""]);
    symlink("/", scene.directory.path().join("1/d")).unwrap();
    let lower = scene.open(Namespace::User);
    let link = lower.at(b"/d").unwrap().unwrap();
    assert_eq!(lower.link(&link).unwrap(), "/");
    assert!(lower.at(b"/d/a").unwrap().is_none());
    assert_eq!(
        lower.child(&link, OsStr::new("a")).unwrap_err(),
        Errno::ENOTDIR
    );
    let root = lower.root().unwrap().unwrap();
    for wrong in ["", ".", "..", "a/b", "a\0b"] {
        let child = lower.child(&root, OsStr::new(wrong));
        assert_eq!(child.unwrap_err(), Errno::EINVAL, "{wrong:?}");
    }
}

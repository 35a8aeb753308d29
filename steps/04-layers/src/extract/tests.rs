//! Real archives, unpacked into real directories. What needs root is tried by the kernel tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::tar::{Limits, Time, Writer};
use crate::whiteout::Namespace;

const OPTIONS: Options = Options {
    namespace: Namespace::User,
    keep_owners: false,
    limits: Limits {
        header: 1 << 20,
        entries: 1000,
        data: 1 << 20,
    },
};

fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.into(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Time {
            seconds: 1_600_000_000,
            nanoseconds: 42,
        },
        xattrs: BTreeMap::new(),
    }
}

fn directory(path: &str) -> Entry {
    entry(path, Kind::Directory)
}

fn file(path: &str, size: u64) -> Entry {
    entry(path, Kind::File { size })
}

fn symlink(path: &str, target: &str) -> Entry {
    entry(
        path,
        Kind::Symlink {
            target: target.into(),
        },
    )
}

fn hard_link(path: &str, target: &str) -> Entry {
    entry(
        path,
        Kind::HardLink {
            target: target.into(),
        },
    )
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries {
        writer.append_file(entry, &b"contents"[..]).unwrap();
    }
    writer.finish().unwrap()
}

/// A directory with a `layer` in it, and beside it what a hostile archive would like to reach.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::create_dir(scene.0.path().join("layer")).unwrap();
        fs::create_dir(scene.0.path().join("outside")).unwrap();
        fs::write(scene.0.path().join("outside/victim"), "untouched").unwrap();
        scene
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join("layer").join(name)
    }

    fn unpack(&self, entries: &[Entry]) -> Result<Unpacked> {
        extract(&archive(entries)[..], &self.0.path().join("layer"), OPTIONS)
    }

    fn is_outside_untouched(&self) -> bool {
        let outside = self.0.path().join("outside");
        fs::read_dir(&outside).unwrap().count() == 1
            && fs::read(outside.join("victim")).unwrap() == b"untouched"
            && fs::read_dir(self.0.path()).unwrap().count() == 2
    }
}

#[test]
fn an_honest_archive_comes_out_as_it_is() {
    let scene = Scene::new();
    let unpacked = scene
        .unpack(&[
            directory("./"),
            directory("dir"),
            file("dir/file", 8),
            symlink("dir/link", "../../anywhere"),
            hard_link("hard", "dir/file"),
            entry("fifo", Kind::Fifo),
        ])
        .unwrap();
    assert_eq!(
        unpacked,
        Unpacked {
            entries: 6,
            // The file, once, and the text of the link.
            size: 8 + "../../anywhere".len() as u64
        }
    );
    let meta = fs::metadata(scene.path("dir/file")).unwrap();
    assert_eq!(
        (meta.nlink(), meta.size(), meta.mode() & 0o7777),
        (2, 8, 0o755)
    );
    assert_eq!((meta.mtime(), meta.mtime_nsec()), (1_600_000_000, 42));
    // The directory's time is its own, though entries were made in it later.
    assert_eq!(
        fs::metadata(scene.path("dir")).unwrap().mtime(),
        1_600_000_000
    );
    assert_eq!(
        fs::read_link(scene.path("dir/link")).unwrap().to_str(),
        Some("../../anywhere")
    );
}

#[test]
fn hostile_archives_are_refused_and_reach_nothing() {
    let cases: &[&[Entry]] = &[
        &[file("../outside/victim", 8)],
        &[file("a/../../outside/victim", 8)],
        &[file("/../outside/victim", 8)],
        &[hard_link("mine", "../outside/victim")],
        &[hard_link("mine", "/../../etc/passwd")],
        &[hard_link("mine", "/etc/passwd")],
        &[
            symlink("way", "../outside"),
            hard_link("mine", "way/victim"),
        ],
        &[symlink("a", "b"), symlink("b", "a"), file("a/x", 8)],
        &[symlink("way", "/.wh.x"), file("way/x", 8)],
        &[symlink("way", "file"), file("file", 8), file("way/x", 8)],
        &[file(".wh...", 0)],
        &[file(".wh.", 0)],
        &[file(".wh.dir/file", 0)],
    ];
    for entries in cases {
        let scene = Scene::new();
        let error = scene.unpack(entries);
        assert!(error.is_err(), "{entries:?}");
        assert!(scene.is_outside_untouched(), "{entries:?}");
    }
}

#[test]
fn a_link_is_replaced_and_never_written_through() {
    let scene = Scene::new();
    scene
        .unpack(&[
            symlink("file", "../outside/victim"),
            file("file", 8),
            symlink("dir", "../outside"),
            directory("dir"),
            file("dir/victim", 8),
        ])
        .unwrap();
    assert!(scene.is_outside_untouched());
    assert!(fs::symlink_metadata(scene.path("file")).unwrap().is_file());
    assert_eq!(fs::read(scene.path("dir/victim")).unwrap(), b"contents");
}

#[test]
fn a_directory_replaced_by_a_link_is_no_longer_a_way_in() {
    let scene = Scene::new();
    let replaced = [
        directory("dir"),
        file("dir/file", 8),
        symlink("dir", "../outside"),
        file("dir/victim", 8),
    ];
    scene.unpack(&replaced).unwrap();
    assert!(scene.is_outside_untouched());
    assert_eq!(fs::read(scene.path("outside/victim")).unwrap(), b"contents");
}

#[test]
fn a_mode_is_not_set_through_a_link() {
    // CVE-2026-33056: a directory entry over a link to a directory changed the mode of the link's target.
    let scene = Scene::new();
    let victim = scene.0.path().join("outside");
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o700)).unwrap();
    let mut wide = directory("way");
    wide.mode = 0o777;
    scene.unpack(&[symlink("way", "../outside"), wide]).unwrap();
    assert_eq!(fs::metadata(&victim).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn the_last_of_duplicates_wins_and_directories_are_merged() {
    let scene = Scene::new();
    let mut second = file("twice", 3);
    second.mode = 0o600;
    scene
        .unpack(&[
            file("twice", 8),
            second,
            directory("d"),
            file("d/a", 1),
            directory("d"),
            file("d/b", 1),
        ])
        .unwrap();
    assert_eq!(fs::read(scene.path("twice")).unwrap(), b"con");
    assert_eq!(
        fs::metadata(scene.path("twice")).unwrap().mode() & 0o777,
        0o600
    );
    assert_eq!(fs::read_dir(scene.path("d")).unwrap().count(), 2);
}

#[test]
fn forgotten_parents_are_made() {
    let scene = Scene::new();
    scene.unpack(&[file("a/b/c", 1)]).unwrap();
    assert_eq!(
        fs::metadata(scene.path("a/b")).unwrap().mode() & 0o777,
        0o755
    );
}

#[test]
fn overlays_own_attributes_are_not_taken_from_an_archive() {
    let scene = Scene::new();
    let mut hostile = directory("dir");
    hostile
        .xattrs
        .insert(b"user.overlay.redirect".to_vec(), b"/etc".to_vec());
    hostile
        .xattrs
        .insert(b"user.honest".to_vec(), b"1".to_vec());
    scene.unpack(&[hostile]).unwrap();
    let get = |name: &str| rustix::fs::getxattr(scene.path("dir"), name, &mut [0_u8; 16][..]).ok();
    assert_eq!(
        (get("user.overlay.redirect"), get("user.honest")),
        (None, Some(1))
    );
}

#[test]
fn capabilities_that_could_not_be_read_again_are_left_out() {
    let mut empty = file("file", 8);
    let options = Options {
        keep_owners: true,
        ..OPTIONS
    };
    for (value, kept) in [(&b""[..], 0), (b"\x01", 1)] {
        let name = b"security.capability".to_vec();
        empty.xattrs.insert(name, value.to_vec());
        assert_eq!(options::attributes(&empty, options).count(), kept);
    }
}

#[test]
fn zeroes_become_holes() {
    let scene = Scene::new();
    let mut writer = Writer::new(Vec::new());
    let contents = [vec![1; 1 << 17], vec![0; 1 << 19]].concat();
    writer
        .append_file(&file("zeroes", contents.len() as u64), &contents[..])
        .unwrap();
    let archive = writer.finish().unwrap();
    extract(&archive[..], &scene.0.path().join("layer"), OPTIONS).unwrap();
    assert!(fs::read(scene.path("zeroes")).unwrap() == contents);
    assert!(fs::metadata(scene.path("zeroes")).unwrap().blocks() * 512 < 1 << 19);
}

#[test]
fn sparse_files_of_gnu_tar_keep_their_holes() {
    for format in ["gnu", "posix"] {
        for version in ["0.0", "0.1", "1.0"] {
            let scene = Scene::new();
            let source = scene.0.path().join("sparse");
            let script = "truncate -s 10M sparse && printf begin | dd of=sparse conv=notrunc status=none && \
                          printf middle | dd of=sparse bs=1M seek=5 conv=notrunc status=none";
            assert!(
                Command::new("sh")
                    .args(["-c", script])
                    .current_dir(scene.0.path())
                    .status()
                    .unwrap()
                    .success()
            );
            let tar = Command::new("tar")
                .args([
                    "-cSf",
                    "-",
                    "--format",
                    format,
                    "--sparse-version",
                    version,
                    "sparse",
                ])
                .current_dir(scene.0.path())
                .output()
                .unwrap();
            assert!(tar.status.success());
            extract(&tar.stdout[..], &scene.0.path().join("layer"), OPTIONS).unwrap();
            assert!(
                fs::read(scene.path("sparse")).unwrap() == fs::read(&source).unwrap(),
                "{format} {version}"
            );
            assert!(
                fs::metadata(scene.path("sparse")).unwrap().blocks() < 1000,
                "{format} {version}: holes were filled"
            );
        }
    }
}

#[test]
fn the_error_names_the_entry() {
    let error = Scene::new().unpack(&[file("../x", 1)]).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot unpack ../x: "),
        "{error}"
    );
}

/// A link that cannot be made is a file that would be missing.
#[test]
fn a_hard_link_that_the_kernel_refuses_is_an_error() {
    let scene = Scene::new();
    let error = scene
        .unpack(&[directory("dir"), hard_link("name", "dir")])
        .unwrap_err();
    assert!(
        error.to_string().contains("cannot make the hard link"),
        "{error}"
    );
}

/// GNU tar gives such a file a made-up name, and beside it the true one; a long one stands in a record after that.
#[test]
fn sparse_files_with_long_names_have_their_own() {
    let long = format!("{0}/{0}", "n".repeat(120));
    for version in ["0.0", "0.1", "1.0"] {
        let scene = Scene::new();
        let script = format!(
            "mkdir {0} && truncate -s 1M {long} && tar -cS --format posix --sparse-version {version} {long}",
            "n".repeat(120)
        );
        let tar = Command::new("sh")
            .args(["-ec", &script])
            .current_dir(scene.0.path())
            .output()
            .unwrap();
        assert!(tar.status.success(), "{tar:?}");
        extract(&tar.stdout[..], &scene.0.path().join("layer"), OPTIONS).unwrap();
        let size = fs::metadata(scene.path(&long)).map(|status| status.size());
        assert_eq!(size.ok(), Some(1 << 20), "{version}");
    }
}

/// A Mac's tar writes those of its own files. No file can have them here, and nobody's tar stumbles over them.
#[test]
fn attributes_of_another_system_are_left_out() {
    let scene = Scene::new();
    let mut foreign = file("file", 8);
    for name in ["com.apple.provenance", "noname", "user.honest"] {
        foreign.xattrs.insert(name.into(), b"1".to_vec());
    }
    scene.unpack(&[foreign]).unwrap();
    let mut names = [0; 64];
    let length = rustix::fs::listxattr(scene.path("file"), &mut names[..]).unwrap();
    assert_eq!(names[..length], *b"user.honest\0");
}

/// As the layer of a directory that was made anew, written by a program that has no entry for a directory.
#[test]
fn a_forgotten_parent_that_is_gone_is_there_again() {
    let scene = Scene::new();
    scene
        .unpack(&[file("a/.wh.dir", 0), file("a/dir/sub/file", 8)])
        .unwrap();
    assert_eq!(fs::read(scene.path("a/dir/sub/file")).unwrap(), b"contents");
    let opaque = |name: &str| {
        rustix::fs::getxattr(scene.path(name), "user.overlay.opaque", &mut [0; 8][..]).is_ok()
    };
    assert!(opaque("a/dir") && !opaque("a/dir/sub") && !opaque("a"));
}

mod old;

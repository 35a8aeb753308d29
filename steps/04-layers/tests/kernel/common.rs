//! What the tests share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use harness::{Need, Output, Run, bin, busybox_root};
use layers::tar::{Entry, Kind, Time, Writer};

pub(crate) const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

pub(crate) fn layers<const N: usize>(arguments: [&str; N]) -> Run {
    Run::new(bin("layers")).args(arguments)
}

/// A directory of the test's own, which is new.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = harness::directory().join(name);
    fs::create_dir_all(path.parent().expect("it has one")).unwrap();
    fs::create_dir(&path).unwrap();
    path
}

/// `layers run --layer LAYER… OPTIONS… sh -c SCRIPT`
pub(crate) fn on(layers: &[&Path], options: &[&str], script: &str) -> Run {
    let mut run = self::layers(["run"]);
    for layer in layers {
        run = run.arg("--layer").arg(layer);
    }
    run.args(options).args(["sh", "-c", script])
}

/// What it prints, if all is well.
#[track_caller]
pub(crate) fn prints(layers: &[&Path], options: &[&str], script: &str) -> String {
    let output = on(layers, options, script).output().assert_code(0);
    assert_eq!(output.err(), "");
    output.out()
}

/// Busybox as the bottom layer.
pub(crate) fn base() -> PathBuf {
    busybox_root()
}

/// `layers unpack DIRECTORY OPTIONS <archive`
pub(crate) fn unpack(archive: &[u8], directory: &Path, options: &[&str]) -> Run {
    layers(["unpack"])
        .arg(directory)
        .args(options)
        .stdin(archive)
}

/// The same to its good end; returns the digest.
#[track_caller]
pub(crate) fn unpacked(archive: &[u8], directory: &Path) -> String {
    let output = unpack(archive, directory, &[]).output().assert_code(0);
    output.out().trim().to_owned()
}

/// The archive of a layer.
#[track_caller]
pub(crate) fn packed(directory: &Path) -> Vec<u8> {
    let output = layers(["pack"]).arg(directory).output().assert_code(0);
    output.stdout
}

/// What a shell says to do in a directory.
#[track_caller]
pub(crate) fn shell(directory: &Path, script: &str) -> Output {
    Run::new("sh")
        .args(["-euc", script])
        .current_dir(directory)
        .output()
        .assert_code(0)
}

pub(crate) fn entry(path: &[u8], kind: Kind) -> Entry {
    Entry {
        path: path.into(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: BTreeMap::new(),
    }
}

/// An archive of these entries; what has contents has so many of `c`.
pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries {
        writer.append_file(entry, std::io::repeat(b'c')).unwrap();
    }
    writer.finish().unwrap()
}

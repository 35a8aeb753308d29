//! Trees that are the same, and trees that differ in one thing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use checks::{Check, Finding, Outcome, ensure};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "place",
            asks: "the same tree at another place is the same",
            run: place,
        },
        Check {
            id: "order",
            asks: "the order in which files were made does not count",
            run: order,
        },
        Check {
            id: "times",
            asks: "times do not count",
            run: times,
        },
        Check {
            id: "names",
            asks: "a file of another name is another tree",
            run: || {
                differ("a renamed file", |top| {
                    Ok(fs::rename(top.join("a"), top.join("z"))?)
                })
            },
        },
        Check {
            id: "contents",
            asks: "other contents are another tree, also of the same length",
            run: || {
                differ("other contents", |top| {
                    Ok(fs::write(top.join("a"), "TEXT a")?)
                })
            },
        },
        Check {
            id: "modes",
            asks: "other permissions are another tree, setuid too",
            run: modes,
        },
        Check {
            id: "links",
            asks: "links are described by their target, and not followed",
            run: links,
        },
        Check {
            id: "hard-links",
            asks: "two names of one file are another tree than two files",
            run: hard_links,
        },
        Check {
            id: "empty",
            asks: "an empty directory counts",
            run: || {
                differ("a directory less", |top| {
                    Ok(fs::remove_dir(top.join("d/empty"))?)
                })
            },
        },
    ])
}

const FILES: [&str; 8] = ["a", "b", "c", "d/a", "d/b", "e/f/g", "same/x", "zz"];

/// When all that is made was made, in seconds since 1970: the clock must not decide what a check finds.
const THEN: i64 = 1_000_000_000;

/// The tree; its files are made in this order.
fn make(name: &str, files: &[&str]) -> Outcome<PathBuf> {
    let top = Path::new("/tmp").join(name);
    for file in files {
        let path = top.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&top))?;
        fs::write(&path, format!("text {file}"))?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    }
    fs::create_dir(top.join("d/empty"))?;
    symlink("a", top.join("link"))?;
    symlink("nowhere", top.join("dangling"))?;
    fs::hard_link(top.join("a"), top.join("same/hard"))?;
    settle(&top, THEN)?;
    Ok(top)
}

/// Gives everything at and below `top` this time of access and of change, links themselves too.
fn settle(top: &Path, seconds: i64) -> Outcome {
    if fs::symlink_metadata(top)?.is_dir() {
        for entry in fs::read_dir(top)? {
            settle(&entry?.path(), seconds)?;
        }
    }
    let time = TimeSpec::new(seconds, 0);
    utimensat(
        AT_FDCWD,
        top,
        &time,
        &time,
        UtimensatFlags::NoFollowSymlink,
    )?;
    Ok(())
}

fn describe(top: &Path) -> Outcome<String> {
    exercise::describe(top).map_err(|error| {
        Finding::new(
            "refused",
            format!("the tree could not be described: {error}"),
        )
    })
}

fn same(what: &str, one: &Path, other: &Path) -> Outcome {
    let (one, other) = (describe(one)?, describe(other)?);
    let pair = one
        .lines()
        .zip(other.lines())
        .find(|(one, other)| one != other);
    ensure!(
        one == other,
        "differ",
        "{what}: the same tree has two descriptions; where they part: {pair:?}"
    );
    Ok(())
}

/// After `change` it is another tree.
fn differ(what: &str, change: impl Fn(&Path) -> Outcome) -> Outcome {
    let top = make("tree", &FILES)?;
    let before = describe(&top)?;
    change(&top)?;
    ensure!(
        describe(&top)? != before,
        "same",
        "{what}: the tree is another one, and its description is the same"
    );
    Ok(fs::remove_dir_all(top)?)
}

fn place() -> Outcome {
    let (one, other) = (make("one", &FILES)?, make("deep/er/two", &FILES)?);
    same("at another place", &one, &other)
}

fn order() -> Outcome {
    let mut turned = FILES;
    turned.reverse();
    let (one, other) = (make("one", &FILES)?, make("other", &turned)?);
    same("made in another order", &one, &other)
}

fn times() -> Outcome {
    let top = make("tree", &FILES)?;
    let before = describe(&top)?;
    // The inodes' own times of change (ctime) cannot be set, so they have to pass.
    sleep(Duration::from_millis(1100));
    settle(&top, THEN + 1)?;
    ensure!(
        describe(&top)? == before,
        "differ",
        "the entries have other times, and the description is another one"
    );
    Ok(())
}

fn modes() -> Outcome {
    for mode in [0o600, 0o755, 0o4644] {
        differ(&format!("mode {mode:o} in place of 644"), |top| {
            Ok(fs::set_permissions(
                top.join("b"),
                Permissions::from_mode(mode),
            )?)
        })?;
    }
    differ("another mode of a directory", |top| {
        Ok(fs::set_permissions(
            top.join("d"),
            Permissions::from_mode(0o1777),
        )?)
    })
}

fn links() -> Outcome {
    for target in ["b", "./a"] {
        differ(&format!("a link to {target} in place of a"), |top| {
            fs::remove_file(top.join("link"))?;
            Ok(symlink(target, top.join("link"))?)
        })?;
    }
    differ("a copy in place of a link", |top| {
        fs::remove_file(top.join("link"))?;
        fs::copy(top.join("a"), top.join("link"))?;
        Ok(())
    })
}

fn hard_links() -> Outcome {
    differ("a copy in place of a second name", |top| {
        fs::remove_file(top.join("same/hard"))?;
        fs::copy(top.join("a"), top.join("same/hard"))?;
        Ok(())
    })?;
    // Two files of two names each, all with the same contents: who belongs to whom?
    differ("the same names, paired otherwise", |top| {
        let link = |file: &str, name: &str| -> Outcome {
            let _ = fs::remove_file(top.join(name));
            Ok(fs::hard_link(top.join(file), top.join(name))?)
        };
        fs::copy(top.join("c"), top.join("b"))?;
        link("b", "same/b")?;
        link("c", "same/c")?;
        let first = describe(top)?;
        link("c", "same/b")?;
        link("b", "same/c")?;
        ensure!(
            describe(top)? != first,
            "same-pairs",
            "same/b was a second name of b and same/c one of c, and now it is the other way round: the description is the same"
        );
        Ok(())
    })
}

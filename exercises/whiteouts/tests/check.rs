//! Layers that are applied, and what is there afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checks::{Check, Finding, Outcome, ensure};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "added",
            asks: "what the layer brings is there, and directories are merged",
            run: added,
        },
        Check {
            id: "replaced",
            asks: "a file takes the place of a directory, and a directory that of a file or link",
            run: replaced,
        },
        Check {
            id: "gone",
            asks: "what has a whiteout is gone, whatever it was",
            run: gone,
        },
        Check {
            id: "opaque",
            asks: "an opaque directory shows only what the layer has in it",
            run: opaque,
        },
        Check {
            id: "same-layer",
            asks: "a whiteout does not remove what the same layer brings",
            run: same_layer,
        },
        Check {
            id: "marks",
            asks: "no whiteout is ever a file of the root",
            run: marks,
        },
    ])
}

/// A tree: a name that ends in `/` is a directory, `a -> b` a link, and `a=b` a file and its contents.
fn make(name: &str, entries: &[&str]) -> Outcome<PathBuf> {
    let top = Path::new("/tmp").join(name);
    fs::create_dir(&top)?;
    for entry in entries {
        let path = |text: &str| top.join(text);
        let parent = |text: &str| -> Outcome<()> {
            let path = path(text);
            Ok(fs::create_dir_all(path.parent().unwrap_or(&top))?)
        };
        if let Some((link, target)) = entry.split_once(" -> ") {
            parent(link)?;
            symlink(target, path(link))?;
        } else if entry.ends_with('/') {
            fs::create_dir_all(path(entry))?;
        } else {
            let (file, contents) = entry.split_once('=').unwrap_or((entry, ""));
            parent(file)?;
            fs::write(path(file), contents)?;
        }
    }
    Ok(top)
}

fn tree(top: &Path) -> Outcome<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut left = vec![top.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            let status = fs::symlink_metadata(&path)?;
            let name = path
                .strip_prefix(top)
                .unwrap_or(&path)
                .display()
                .to_string();
            let what = if status.is_symlink() {
                format!("-> {}", fs::read_link(&path)?.display())
            } else if status.is_dir() {
                left.push(path);
                "a directory".to_owned()
            } else {
                format!("{:?}", fs::read_to_string(&path)?)
            };
            found.insert(name, what);
        }
    }
    Ok(found)
}

/// Applies `layer` to `root`: it must become `expected`, and the layer stay as it was.
fn becomes(root: &[&str], layer: &[&str], expected: &[&str]) -> Outcome {
    let (top, upper) = (make("root", root)?, make("layer", layer)?);
    let before = tree(&upper)?;
    let expected = tree(&make("expected", expected)?)?;
    exercise::apply(&upper, &top).map_err(|error| {
        Finding::new(
            "refused",
            format!("on {root:?} the layer {layer:?} could not be applied: {error}"),
        )
    })?;
    ensure!(
        tree(&upper)? == before,
        "layer-changed",
        "the layer {layer:?} itself was changed"
    );
    let seen = tree(&top)?;
    for (name, what) in &expected {
        ensure!(
            seen.get(name) == Some(what),
            "missing",
            "on {root:?} with the layer {layer:?}, {name} should be {what}, and is {}",
            seen.get(name).map_or("not there", String::as_str)
        );
    }
    let more = seen.keys().find(|name| !expected.contains_key(*name));
    ensure!(
        more.is_none(),
        "too-much",
        "on {root:?} with the layer {layer:?}, {} should not be there",
        more.map_or("", String::as_str)
    );
    for name in ["root", "layer", "expected"] {
        fs::remove_dir_all(Path::new("/tmp").join(name))?;
    }
    Ok(())
}

fn added() -> Outcome {
    becomes(
        &["etc/a=1", "etc/b=1"],
        &["etc/b=2", "etc/c=2", "new/d=2", "empty/"],
        &["etc/a=1", "etc/b=2", "etc/c=2", "new/d=2", "empty/"],
    )
}

fn replaced() -> Outcome {
    becomes(&["x/y=1", "f=1"], &["x=2", "f/g=2"], &["x=2", "f/g=2"])?;
    becomes(
        &["lib -> usr/lib", "usr/lib/a=1"],
        &["lib/b=2"],
        &["usr/lib/a=1", "lib/b=2"],
    )?;
    becomes(&["a -> b", "b=1"], &["a=2"], &["a=2", "b=1"])
}

fn gone() -> Outcome {
    becomes(&["a=1", "b=1"], &[".wh.a"], &["b=1"])?;
    becomes(&["d/e/f=1", "g=1"], &[".wh.d"], &["g=1"])?;
    becomes(&["l -> d", "d/f=1"], &[".wh.l"], &["d/f=1"])?;
    becomes(&["d/a=1", "d/b=1"], &["d/.wh.a"], &["d/b=1"])?;
    becomes(&["a=1"], &[".wh.never-there"], &["a=1"])
}

fn opaque() -> Outcome {
    becomes(
        &["d/a=1", "d/e/f=1", "g=1"],
        &["d/.wh..wh..opq", "d/b=2"],
        &["d/b=2", "g=1"],
    )?;
    becomes(&["d/a=1"], &["d/.wh..wh..opq"], &["d/"])?;
    becomes(
        &["d/e/a=1", "d/b=1"],
        &["d/.wh..wh..opq", "d/e/c=2"],
        &["d/e/c=2"],
    )
}

fn same_layer() -> Outcome {
    becomes(&["a=1"], &[".wh.a", "a=2"], &["a=2"])?;
    becomes(&["d/x=1"], &[".wh.d", "d/y=2"], &["d/y=2"])?;
    becomes(
        &["d/x=1"],
        &["d/.wh..wh..opq", "d/+first=2", "d/x=2"],
        &["d/+first=2", "d/x=2"],
    )
}

fn marks() -> Outcome {
    becomes(
        &["a=1", "d/b=1"],
        &[".wh.a", "d/.wh..wh..opq", "new/.wh.x", "new/.wh..wh..opq"],
        &["d/", "new/"],
    )
}

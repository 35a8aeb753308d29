//! What the program of step 04 must do besides.

use std::fs;
use std::path::{Path, PathBuf};

use checks::{Check, Outcome, ensure};

use super::subject::{Ran, root, run, tar, tool};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "stack",
        asks: "of several --layer DIR, the last that has a name shows it",
        run: stack,
    },
    Check {
        id: "untouched",
        asks: "what the container writes is in no layer, and gone afterwards",
        run: untouched,
    },
    Check {
        id: "whiteout",
        asks: "`unpack DIR ARCHIVE` makes of .wh.NAME a whiteout, which hides what is below",
        run: whiteout,
    },
    Check {
        id: "digest",
        asks: "`unpack` prints the digest of the archive, however it is compressed",
        run: digest,
    },
    Check {
        id: "reproducible",
        asks: "`pack DIR` writes the same tree as the same archive, whenever and wherever it was unpacked",
        run: reproducible,
    },
    Check {
        id: "inside",
        asks: "an archive that leads out through a symbolic link of its own writes nothing there",
        run: inside,
    },
];

const PLACE: &str = "/dev/shm/layers";

/// A directory of files, each with its contents.
fn tree(name: &str, files: &[(&str, &str)]) -> Outcome<PathBuf> {
    let tree = Path::new(PLACE).join(name);
    for (file, contents) in files {
        let path = tree.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&tree))?;
        fs::write(path, contents)?;
    }
    Ok(tree)
}

/// The archive of such a directory.
fn archive(name: &str, files: &[(&str, &str)]) -> Outcome<PathBuf> {
    let (tree, archive) = (
        tree(name, files)?,
        Path::new(PLACE).join(format!("{name}.tar")),
    );
    tar(&["-cf", text(&archive), "-C", text(&tree), "."])?;
    Ok(archive)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

fn on(layers: &[&Path], command: &[&str]) -> Outcome<Ran> {
    let mut words = Vec::new();
    for layer in layers {
        words.extend(["--layer", text(layer)]);
    }
    words.extend(command);
    run(&words)
}

fn stack() -> Outcome {
    let (low, high) = (
        tree("low", &[("etc/name", "low"), ("etc/only", "low")])?,
        tree("high", &[("etc/name", "high")])?,
    );
    let ran = on(&[&root(), &low, &high], &["cat", "/etc/name", "/etc/only"])?;
    ensure!(
        ran.out == "highlow",
        "order",
        "/etc/name is in two layers and /etc/only in one, and the container reads {:?} of both {}",
        ran.out,
        ran.err
    );
    Ok(())
}

fn untouched() -> Outcome {
    let layer = tree("shared", &[("etc/name", "before")])?;
    let script = "echo after >/etc/name; echo new >/etc/new; cat /etc/name";
    let ran = on(&[&root(), &layer], &["sh", "-c", script])?;
    ensure!(
        ran.out == "after",
        "read-only",
        "what the container has written reads {:?} {}",
        ran.out,
        ran.err
    );
    let name = fs::read_to_string(layer.join("etc/name"))?;
    ensure!(
        name == "before" && !layer.join("etc/new").exists(),
        "written-through",
        "the container wrote to the layer itself, which others share"
    );
    let ran = on(&[&root(), &layer], &["cat", "/etc/name"])?;
    ensure!(
        ran.out == "before",
        "kept",
        "a second container on the same layers sees what the first one wrote"
    );
    Ok(())
}

fn whiteout() -> Outcome {
    let low = tree("below", &[("etc/gone", "low"), ("etc/stays", "low")])?;
    let archive = archive("whiteout", &[("etc/.wh.gone", "")])?;
    let layer = Path::new(PLACE).join("unpacked");
    unpacked(&layer, &archive)?;
    let ran = on(&[&root(), &low, &layer], &["ls", "-A", "/etc"])?;
    let names: Vec<&str> = ran.out.lines().collect();
    ensure!(
        names.contains(&"stays") && !names.contains(&"gone"),
        "not-hidden",
        "a layer with .wh.gone is on top, and /etc has {names:?} {}",
        ran.err
    );
    ensure!(
        !names.contains(&".wh.gone"),
        "shown",
        "the mark .wh.gone, which is for archives alone, is shown as a file"
    );
    Ok(())
}

/// Returns what was printed.
fn unpacked(layer: &Path, archive: &Path) -> Outcome<String> {
    let ran = tool(&["unpack", text(layer), text(archive)])?;
    ensure!(
        ran.code == 0,
        "refused",
        "an honest archive is refused: {}",
        ran.err
    );
    Ok(ran.out)
}

fn digest() -> Outcome {
    let archive = archive("digest", &[("file", "contents")])?;
    let compressed = archive.with_extension("tar.gz");
    tar(&[
        "-czf",
        text(&compressed),
        "-C",
        text(&archive.with_extension("")),
        ".",
    ])?;
    let plain = unpacked(&Path::new(PLACE).join("plain"), &archive)?;
    let expected = format!("sha256:{}", sum(&archive)?);
    ensure!(
        plain == expected,
        "wrong",
        "`unpack` printed {plain}, and sha256sum says {expected}"
    );
    let gzip = unpacked(&Path::new(PLACE).join("gzip"), &compressed)?;
    ensure!(
        gzip == plain,
        "of-the-file",
        "of a compressed archive `unpack` printed {gzip}: a layer's diff ID is that of the archive, not compressed"
    );
    Ok(())
}

fn sum(file: &Path) -> Outcome<String> {
    let output = std::process::Command::new("sha256sum").arg(file).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

fn reproducible() -> Outcome {
    let files = [("a", "1"), ("dir/b", "2"), ("dir/c", "3")];
    let archive = archive("packed", &files)?;
    let mut digests = Vec::new();
    for name in ["once", "twice"] {
        let layer = Path::new(PLACE).join(name);
        unpacked(&layer, &archive)?;
        let packed = tool(&["pack", text(&layer)])?;
        ensure!(packed.code == 0, "failed", "`pack` failed: {}", packed.err);
        digests.push(packed.out);
    }
    ensure!(
        digests[0] == digests[1] && !digests[0].is_empty(),
        "differs",
        "the same archive, unpacked twice and packed again, gives two that differ"
    );
    Ok(())
}

fn inside() -> Outcome {
    // Who refuses everything is safe, and of no use.
    let honest = archive("honest", &[("file", "contents")])?;
    unpacked(&Path::new(PLACE).join("honest-layer"), &honest)?;
    let outside = tree("outside", &[("victim", "untouched")])?;
    let tree = tree("way-out", &[])?;
    fs::create_dir_all(tree.join("first"))?;
    std::os::unix::fs::symlink("../outside", tree.join("first/way"))?;
    fs::create_dir_all(tree.join("second/way"))?;
    fs::write(tree.join("second/way/victim"), "attacked")?;
    let archive = Path::new(PLACE).join("hostile.tar");
    tar(&[
        "-cf",
        text(&archive),
        "-C",
        text(&tree.join("first")),
        "way",
    ])?;
    tar(&[
        "-rf",
        text(&archive),
        "-C",
        text(&tree.join("second")),
        "way/victim",
    ])?;
    let ran = tool(&[
        "unpack",
        text(&Path::new(PLACE).join("hostile")),
        text(&archive),
    ])?;
    let victim = fs::read_to_string(outside.join("victim"))?;
    ensure!(
        victim == "untouched",
        "out",
        "the archive has a link `way`, and a file `way/victim`: unpacking it has changed a file outside of the layer"
    );
    // It may be refused, or the link may be taken as one in the layer's own root.
    ensure!(
        matches!(ran.code, 0 | 125),
        "died",
        "the archive leads out of the layer, and `unpack` exited with {} in place of 0 or 125",
        ran.code
    );
    Ok(())
}

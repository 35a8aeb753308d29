//! What the program of step 05 must do besides.

use std::fs;
use std::path::{Path, PathBuf};

use checks::{Check, Finding, Outcome, ensure};

use super::subject::{Ran, run, start, tar, tool};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "image",
        asks: "`run IMAGE COMMAND` runs it in what `import ARCHIVE IMAGE` has brought",
        run: image,
    },
    Check {
        id: "command",
        asks: "`run IMAGE` runs the image's CMD, in its environment and directory",
        run: command,
    },
    Check {
        id: "archive",
        asks: "what `save` writes, `load` reads, and the image's id stays",
        run: archive,
    },
    Check {
        id: "verified",
        asks: "a layer that is not what its digest says is refused, and no image is to be seen",
        run: verified,
    },
    Check {
        id: "in-use",
        asks: "`rm` refuses an image on which a container runs",
        run: in_use,
    },
    Check {
        id: "name",
        asks: "a name with upper-case letters is refused",
        run: name,
    },
];

const PLACE: &str = "/dev/shm/images";

fn path(name: &str) -> String {
    format!("{PLACE}/{name}")
}

/// Imports the root file system under this name.
fn import(name: &str, changes: &[&str]) -> Outcome<String> {
    fs::create_dir_all(PLACE)?;
    let (archive, root) = (path("root.tar"), super::subject::root());
    tar(&[
        "-cf",
        &archive,
        "-C",
        root.to_str().unwrap_or_default(),
        ".",
    ])?;
    let changes = changes.iter().flat_map(|change| ["-c", change]);
    let words: Vec<&str> = ["import"].into_iter().chain(changes).collect();
    done(&[&words[..], &[&archive, name]].concat())
}

/// What it prints, if it succeeds.
fn done(words: &[&str]) -> Outcome<String> {
    let ran = tool(words)?;
    ensure!(
        ran.code == 0,
        "failed",
        "`{}` exited with {}: {}",
        words.join(" "),
        ran.code,
        ran.err
    );
    Ok(ran.out)
}

fn image() -> Outcome {
    import("app", &[])?;
    let ran = run(&["app", "cat", "/etc/os-release"])?;
    ensure!(
        ran.out.contains("ID=busybox"),
        "host-root",
        "/etc/os-release in a container on the image begins {:?} {}",
        ran.out.lines().next().unwrap_or(""),
        ran.err
    );
    Ok(())
}

fn command() -> Outcome {
    let changes = [
        "CMD [\"sh\", \"-c\", \"echo $WORD in $PWD\"]",
        "ENV WORD=word",
        "WORKDIR /tmp",
    ];
    import("app", &changes)?;
    let ran = run(&["app"])?;
    ensure!(
        ran.out == "word in /tmp",
        "ignored",
        "the image's CMD is to say \"word in /tmp\", of its ENV and its WORKDIR, and said {:?} {}",
        ran.out,
        ran.err
    );
    let ran = run(&["app", "echo", "another"])?;
    ensure!(
        ran.out == "another",
        "not-replaced",
        "words after the image are run in place of its CMD: `run app echo another` said {:?} {}",
        ran.out,
        ran.err
    );
    Ok(())
}

fn archive() -> Outcome {
    let id = import("app", &[])?;
    let saved = path("saved.tar");
    done(&["save", "-o", &saved, "app"])?;
    done(&["rm", "app"])?;
    done(&["load", "-i", &saved])?;
    let listed = done(&["ls", "-q", "--no-trunc"])?;
    ensure!(
        listed == id,
        "other-id",
        "the image had the id {id}, and after `save`, `rm` and `load` there is {listed:?}"
    );
    Ok(())
}

/// A byte in the middle of the layer, of an archive that is whole otherwise.
fn verified() -> Outcome {
    import("app", &[])?;
    let (saved, tree) = (path("saved.tar"), path("saved"));
    done(&["save", "-o", &saved, "app"])?;
    done(&["rm", "app"])?;
    fs::create_dir_all(&tree)?;
    tar(&["-xf", &saved, "-C", &tree])?;
    let layer = largest(Path::new(&tree))?;
    let mut bytes = fs::read(&layer)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&layer, bytes)?;
    tar(&["-cf", &saved, "-C", &tree, "."])?;
    let ran = tool(&["load", "-i", &saved])?;
    ensure!(
        ran.code != 0,
        "unverified",
        "one bit of a layer was changed, and `load` has taken it"
    );
    let listed = done(&["ls", "-aq"])?;
    ensure!(
        listed.is_empty(),
        "visible",
        "`load` has refused the archive, and `ls -aq` shows {listed}"
    );
    Ok(())
}

/// Of an image that was just imported, the one layer.
fn largest(tree: &Path) -> Outcome<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(tree.join("blobs/sha256"))? {
        let entry = entry?;
        files.push((entry.metadata()?.len(), entry.path()));
    }
    let largest = files.into_iter().max();
    largest.map(|(_, path)| path).ok_or_else(|| {
        Finding::new(
            "no-layout",
            "what `save` writes has nothing in blobs/sha256",
        )
    })
}

fn in_use() -> Outcome {
    import("app", &[])?;
    let mut child = start(&["--name", "user", "app", "sleep", "60"], &[])?;
    let runs = checks::child::wait_until(|| {
        let listed = tool(&["container", "ls"]).ok()?;
        listed.out.contains("user").then_some(())
    });
    let ran: Outcome<Ran> = tool(&["rm", "app"]);
    child.kill()?;
    child.wait()?;
    ensure!(
        runs.is_some(),
        "never-ran",
        "`container ls` does not show the container"
    );
    let ran = ran?;
    ensure!(
        ran.code != 0,
        "removed",
        "a container runs on the image, and `rm` has removed it"
    );
    Ok(())
}

fn name() -> Outcome {
    let ran = tool(&["pull", "localhost:1/App"])?;
    ensure!(
        ran.code != 0 && ran.err.contains("lowercase"),
        "accepted",
        "App is not a name, and `pull` exited with {}: {}",
        ran.code,
        ran.err
    );
    Ok(())
}

//! Archives, hostile and honest, and what is outside.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use checks::{Check, Finding, Outcome, ensure};
use nix::errno::Errno;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "honest",
            asks: "a file is unpacked, and a later one of the same name replaces it",
            run: honest,
        },
        Check {
            id: "honest-link",
            asks: "a link inside the layer to a directory inside the layer is followed",
            run: honest_link,
        },
        Check {
            id: "names",
            asks: "absolute names and names with .. are refused",
            run: names,
        },
        Check {
            id: "way",
            asks: "a link on the way that leads out is refused, absolute or not",
            run: way,
        },
        Check {
            id: "last",
            asks: "a link that is the last component is replaced, and not written through",
            run: last,
        },
        Check {
            id: "hard-link",
            asks: "a file that has another name is replaced, and the other name keeps its contents",
            run: hard_link,
        },
        Check {
            id: "fifo",
            asks: "a fifo is replaced, and nobody waits for its reader",
            run: fifo,
        },
    ])
}

const LAYER: &str = "/tmp/layer";
const VICTIM: &str = "/tmp/outside/victim";

/// What an archive has: a link and its target, or a file.
enum Entry {
    Link(&'static str, &'static str),
    File(&'static str),
}
use Entry::{File as AFile, Link};

fn scene() -> Outcome<File> {
    fs::create_dir_all("/tmp/layer/usr/bin")?;
    fs::create_dir_all("/tmp/outside")?;
    fs::write(VICTIM, "untouched")?;
    Ok(File::open(LAYER)?)
}

/// Unpacks the entries; the answer is that of the last one.
fn unpack(entries: &[Entry]) -> Outcome<nix::Result<()>> {
    let layer = scene()?;
    let mut answer = Ok(());
    for entry in entries {
        answer = match entry {
            Link(name, target) => exercise::unpack_link(layer.as_fd(), name, target),
            AFile(name) => exercise::unpack_file(layer.as_fd(), name, b"from the archive"),
        };
    }
    let outside = fs::read_dir("/tmp/outside")?.count();
    ensure!(
        fs::read_to_string(VICTIM)? == "untouched" && fs::metadata(VICTIM)?.nlink() == 1,
        "written-outside",
        "the file {VICTIM}, outside the layer, was changed"
    );
    ensure!(
        outside == 1 && !Path::new("/tmp/new").exists() && !Path::new("/tmp/outside/new").exists(),
        "made-outside",
        "a file was made outside the layer"
    );
    Ok(answer)
}

fn clear() -> Outcome {
    fs::remove_dir_all(LAYER)?;
    Ok(fs::remove_dir_all("/tmp/outside")?)
}

fn must(answer: nix::Result<()>, what: &str) -> Outcome {
    answer.map_err(|errno: Errno| {
        Finding::new(
            "refused",
            format!("{what} was refused: {} ({errno:?})", errno.desc()),
        )
    })
}

fn is_unpacked(path: &str) -> Outcome {
    let path = Path::new(LAYER).join(path);
    let status = fs::symlink_metadata(&path).map_err(|error| {
        Finding::new(
            "not-there",
            format!("{} is not there: {error}", path.display()),
        )
    })?;
    ensure!(
        status.is_file(),
        "not-replaced",
        "{} is still no file",
        path.display()
    );
    let contents = fs::read_to_string(&path)?;
    ensure!(
        contents == "from the archive",
        "wrong-contents",
        "{} holds {contents:?}",
        path.display()
    );
    Ok(())
}

fn honest() -> Outcome {
    must(unpack(&[AFile("file")])?, "a plain file")?;
    is_unpacked("file")?;
    fs::write(
        "/tmp/layer/file",
        "something longer than what comes from the archive",
    )?;
    must(unpack(&[AFile("file")])?, "a file of the same name")?;
    is_unpacked("file")?;
    must(unpack(&[AFile("usr/bin/tool")])?, "a file in a directory")?;
    is_unpacked("usr/bin/tool")
}

fn honest_link() -> Outcome {
    let what = "a file below `bin`, which is a link to usr/bin,";
    must(unpack(&[Link("bin", "usr/bin"), AFile("bin/tool")])?, what)?;
    is_unpacked("usr/bin/tool")
}

fn names() -> Outcome {
    for name in ["/tmp/new", "../new", "usr/../../new", "usr/.."] {
        let answer = unpack(&[AFile(name)])?;
        ensure!(answer.is_err(), "accepted", "the name {name} was accepted");
    }
    Ok(())
}

fn way() -> Outcome {
    for (target, name) in [
        ("/tmp/outside", "way/victim"),
        ("../outside", "way/victim"),
        ("../outside", "way/new"),
        ("usr/../../outside", "way/new"),
        ("/proc/self/root/tmp/outside", "way/victim"),
    ] {
        let answer = unpack(&[Link("way", target), AFile(name)])?;
        ensure!(
            answer.is_err(),
            "accepted",
            "{name} was accepted, where `way` is a link to {target}"
        );
        clear()?;
    }
    Ok(())
}

fn last() -> Outcome {
    for target in [VICTIM, "../outside/victim", "../outside/new", "usr"] {
        let what = format!("a file in the place of a link to {target}");
        must(unpack(&[Link("file", target), AFile("file")])?, &what)?;
        is_unpacked("file")?;
        clear()?;
    }
    Ok(())
}

fn hard_link() -> Outcome {
    scene()?;
    fs::write("/tmp/layer/one", "of the first name")?;
    fs::hard_link("/tmp/layer/one", "/tmp/layer/two")?;
    must(
        unpack(&[AFile("two")])?,
        "a file in the place of a second name",
    )?;
    is_unpacked("two")?;
    let one = fs::read_to_string("/tmp/layer/one")?;
    ensure!(
        one == "of the first name",
        "written-through",
        "two was unpacked, and one, which was another name of the same file, now holds {one:?}"
    );
    Ok(())
}

fn fifo() -> Outcome {
    scene()?;
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o644);
    nix::unistd::mkfifo("/tmp/layer/pipe", mode)?;
    // So that one who opens it for writing does not wait for ever.
    let _reader = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/tmp/layer/pipe")?;
    must(unpack(&[AFile("pipe")])?, "a file in the place of a fifo")?;
    is_unpacked("pipe")
}

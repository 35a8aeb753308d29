//! What can be written through a bind mount, and what has become of its source.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use checks::{Check, Finding, Outcome, ensure, found, proc};
use nix::mount::{MsFlags, mount};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "shown",
            asks: "the source is shown, with what is mounted below it",
            run: shown,
        },
        Check {
            id: "writable",
            asks: "without read_only it can be written to",
            run: writable,
        },
        Check {
            id: "read-only",
            asks: "with read_only nothing can be written through the target",
            run: read_only,
        },
        Check {
            id: "read-only-below",
            asks: "nor to what is mounted below it",
            run: read_only_below,
        },
        Check {
            id: "attributes",
            asks: "nosuid of the source is kept",
            run: attributes,
        },
        Check {
            id: "source",
            asks: "the host goes on writing to the source",
            run: source,
        },
    ])
}

const SOURCE: &str = "/tmp/source";
const TARGET: &str = "/tmp/target";

/// A source that is a mount of its own, nosuid, with another mount below it; bound by the submission.
fn bound(read_only: bool) -> Outcome {
    fs::create_dir_all(SOURCE)?;
    fs::create_dir_all(TARGET)?;
    let none = None::<&str>;
    mount(
        Some("source"),
        SOURCE,
        Some("tmpfs"),
        MsFlags::MS_NOSUID,
        none,
    )?;
    fs::create_dir_all("/tmp/source/below")?;
    mount(
        Some("below"),
        "/tmp/source/below",
        Some("tmpfs"),
        MsFlags::MS_NOSUID,
        none,
    )?;
    fs::write("/tmp/source/file", "top")?;
    fs::write("/tmp/source/below/file", "below")?;
    exercise::bind(Path::new(SOURCE), Path::new(TARGET), read_only).map_err(|errno| {
        Finding::new(
            format!("refused-{errno:?}"),
            format!("bind failed: {} ({errno:?})", errno.desc()),
        )
    })
}

fn line(point: &str) -> String {
    proc::mount_at("self", point)
        .map_or_else(|| "nothing is mounted there".to_owned(), |mount| mount.line)
}

fn shown() -> Outcome {
    bound(true)?;
    for (file, text) in [("file", "top"), ("below/file", "below")] {
        let read = fs::read_to_string(format!("{TARGET}/{file}")).unwrap_or_default();
        ensure!(
            read == text,
            format!("missing-{text}"),
            "{SOURCE}/{file} is not to be seen as {TARGET}/{file}"
        );
    }
    Ok(())
}

fn writable() -> Outcome {
    bound(false)?;
    match fs::write(format!("{TARGET}/new"), "") {
        Ok(()) => Ok(()),
        Err(error) => found!(
            "refused",
            "without read_only, writing to {TARGET}/new failed ({error}): {}",
            line(TARGET)
        ),
    }
}

fn read_only() -> Outcome {
    bound(true)?;
    ensure!(
        fs::write(format!("{TARGET}/new"), "").is_err(),
        "written",
        "a file was written to {TARGET}, which was to be read-only. mountinfo says: {}",
        line(TARGET)
    );
    Ok(())
}

fn read_only_below() -> Outcome {
    bound(true)?;
    let below = format!("{TARGET}/below");
    if fs::write(format!("{below}/new"), "").is_ok() {
        return found!(
            "written",
            "a file was written to {below}. mountinfo says: {}, and for {TARGET}: {}",
            line(&below),
            line(TARGET)
        );
    }
    Ok(())
}

fn attributes() -> Outcome {
    bound(true)?;
    let target = proc::mount_at("self", TARGET);
    ensure!(
        target.is_some_and(|mount| mount.has("nosuid")),
        "lost",
        "the source is mounted nosuid, and the target is not: {}",
        line(TARGET)
    );
    Ok(())
}

fn source() -> Outcome {
    bound(true)?;
    for place in [SOURCE, "/tmp/source/below"] {
        if let Err(error) = fs::write(format!("{place}/new"), "") {
            return found!(
                "changed",
                "the host cannot write to {place} any more ({error}): {}",
                line(place)
            );
        }
    }
    Ok(())
}

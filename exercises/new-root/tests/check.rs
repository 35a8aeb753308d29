//! Where a process is after it has changed its root: what the host sees of it, and how far it gets.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use checks::proc::{self, Mount};
use checks::{Check, Finding, Outcome, ensure, found, probation};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::unistd::{chdir, chroot};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "root",
            asks: "the directory is the root, with what is mounted below it",
            run: root,
        },
        Check {
            id: "old-root",
            asks: "of the host's mounts none is left",
            run: old_root,
        },
        Check {
            id: "inside",
            asks: "the process stands in its new root, wherever it stood before",
            run: inside,
        },
        Check {
            id: "no-way-out",
            asks: "a root user does not get out by chroot and ..",
            run: no_way_out,
        },
        Check {
            id: "clean",
            asks: "nothing is left in the directory",
            run: clean,
        },
    ])
}

const IMAGE: &str = "/tmp/image";
const VOLUME: &str = "/tmp/image/volume";
const ELSEWHERE: &str = "/tmp/elsewhere";

/// Runs `look` in a process that has changed its root, after `meanwhile` has looked at that process from outside.
fn entered(look: impl FnOnce() -> Outcome, meanwhile: impl FnOnce(i32) -> Outcome) -> Outcome {
    fs::create_dir_all(VOLUME)?;
    fs::create_dir_all(ELSEWHERE)?;
    fs::write("/tmp/image/in-the-image", "")?;
    fs::write("/tmp/on-the-host", "")?;
    let none = None::<&str>;
    mount(
        Some("volume"),
        VOLUME,
        Some("tmpfs"),
        MsFlags::empty(),
        none,
    )?;
    fs::write("/tmp/image/volume/in-the-volume", "")?;
    let (mut done, mut say_done) = io::pipe()?;
    let (mut go_on, mut say_go_on) = io::pipe()?;
    let process = probation(libc::CLONE_NEWNS, || {
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        chdir(ELSEWHERE)?;
        exercise::enter(Path::new(IMAGE)).map_err(refused)?;
        say_done.write_all(b"!")?;
        go_on.read_exact(&mut [0; 1])?;
        look()
    })?;
    drop(say_done);
    if done.read(&mut [0; 1])? == 1 {
        meanwhile(process.pid.as_raw())?;
    }
    say_go_on.write_all(b"!")?;
    process.outcome()
}

fn refused(errno: Errno) -> Finding {
    Finding::new(
        format!("refused-{errno:?}"),
        format!("enter({IMAGE}) failed: {} ({errno:?})", errno.desc()),
    )
}

fn nothing(_: i32) -> Outcome {
    Ok(())
}

fn root() -> Outcome {
    entered(
        || {
            ensure!(
                Path::new("/in-the-image").exists(),
                "other-root",
                "/ has no file in-the-image: it is not the directory"
            );
            ensure!(
                Path::new("/volume/in-the-volume").exists(),
                "volume-lost",
                "a file system is mounted on {VOLUME}, and in the new root /volume is empty"
            );
            Ok(())
        },
        nothing,
    )
}

fn old_root() -> Outcome {
    entered(
        || Ok(()),
        |pid| {
            let mounts = proc::mounts(pid);
            let is_ours = |mount: &&Mount| {
                mount.point != Path::new("/") && mount.point != Path::new("/volume")
            };
            if let Some(left) = mounts.iter().find(is_ours) {
                return found!(
                    "left",
                    "/proc/{pid}/mountinfo still has {}: {:?}, and {} others",
                    left.point.display(),
                    left.line,
                    mounts.len() - 1
                );
            }
            let tops = mounts
                .iter()
                .filter(|mount| mount.point == Path::new("/"))
                .count();
            ensure!(
                tops == 1,
                "stacked",
                "/proc/{pid}/mountinfo has {tops} mounts on /: the old root lies over or under the new one"
            );
            Ok(())
        },
    )
}

fn inside() -> Outcome {
    entered(
        || {
            let here = fs::canonicalize(".");
            ensure!(
                here.as_ref().is_ok_and(|here| here == Path::new("/")),
                "outside",
                "the working directory is {:?}, and /proc/PID/cwd is not the new root: it stands where it stood before",
                here.map_err(|error| error.to_string())
            );
            Ok(())
        },
        nothing,
    )
}

fn no_way_out() -> Outcome {
    entered(
        || {
            fs::create_dir("/trap")?;
            chroot("/trap")?;
            // The root is below us now, so nothing stops the way up, but the top of the mount.
            for _ in 0..32 {
                chdir("..")?;
            }
            chroot(".")?;
            ensure!(
                !Path::new("/tmp/on-the-host").exists(),
                "escaped",
                "mkdir, chroot into it, 32 times chdir(\"..\"), chroot(\".\"): and /tmp/on-the-host, a file of the host, is there"
            );
            Ok(())
        },
        nothing,
    )
}

fn clean() -> Outcome {
    entered(
        || {
            let names = fs::read_dir("/")?.flatten().map(|entry| entry.file_name());
            let mut names: Vec<_> = names
                .map(|name| name.to_string_lossy().into_owned())
                .collect();
            names.sort();
            let names = names.join(" ");
            ensure!(
                names == "in-the-image volume",
                "litter",
                "the directory had in-the-image and volume; now it has {names}"
            );
            Ok(())
        },
        nothing,
    )
}

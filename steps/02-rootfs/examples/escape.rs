//! The classic walk out of a chroot (chroot(2), "a process can escape"), as root inside it.
//!
//! `escape FILE` reads FILE, a path on the host, after having walked out: it exits with 0 and shows what it read, or
//! with 1 if it is still inside. It is one static file, to be put into a root file system.

use std::fs::{File, create_dir};
use std::process::ExitCode;

use nix::unistd::{chdir, chroot};

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        return say("usage: escape FILE", 2);
    };
    if let Err(error) = walk() {
        return say(format!("cannot walk: {error}"), 2);
    }
    let copied = File::open(&file).and_then(|mut f| std::io::copy(&mut f, &mut std::io::stdout()));
    match copied {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => say(format!("still inside: {}: {error}", file.display()), 1),
    }
}

// ANCHOR: walk
fn walk() -> std::io::Result<()> {
    // A root further down, while the working directory stays where it was: now it is outside the root.
    match create_dir("/below") {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => chroot("/below")?,
    }
    // The kernel stops `..` at the root of the process. We do not pass it on this way up, so only the root of the
    // mount tree stops us. After a pivot_root, that is the container's own.
    for _ in 0..64 {
        chdir("..")?;
    }
    Ok(chroot(".")?)
}
// ANCHOR_END: walk

#[expect(
    clippy::print_stderr,
    reason = "a program of its own, whose edge this is"
)]
fn say(message: impl std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("escape: {message}");
    ExitCode::from(code)
}

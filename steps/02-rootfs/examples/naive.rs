//! The obvious way: chroot(2). `naive DIR CMD…` runs a command that finds its files below DIR.
//!
//! It looks like a container. What it does not do: a chroot changes where the path `/` begins for this process, and
//! nothing else. The host's root stays mounted above it, and whoever is root inside may call chroot again
//! (`examples/escape.rs`). `/proc` and `/dev` are not there, and mounting them would mount them on the host.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::unistd::{chdir, chroot};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(root), Some(program)) = (arguments.next(), arguments.next()) else {
        return fail("usage: naive DIR CMD…");
    };
    if let Err(errno) = chroot(root.as_os_str()) {
        return fail(format!(
            "cannot change the root to {}: {errno}",
            root.display()
        ));
    }
    // Without this, the working directory is outside already, and `..` leads on from there.
    if let Err(errno) = chdir("/") {
        return fail(format!("cannot change to the new root: {errno}"));
    }
    let error = Command::new(&program).args(arguments).exec();
    fail(format!("cannot run {}: {error}", program.display()))
}

#[expect(
    clippy::print_stderr,
    reason = "a program of its own, whose edge this is"
)]
fn fail(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("naive: {message}");
    ExitCode::from(125)
}

//! The terminal: a pseudoterminal of the container's own, made inside it, its master side handed out to the parent.
//!
//! ```text
//!    your terminal ⇄ the parent ⇄ master ═══════ slave ⇄ the command
//!       raw mode       pump                     cooked, the session's controlling terminal
//! ```

use std::os::fd::OwnedFd;

use kit::sys::mount::{clone_tree, move_mount};
use kit::sys::terminal::{open_peer, set_window_size};
use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};

use crate::inside::Inside;
use crate::mechanism::Mechanism;
use crate::plan::Plan;
use crate::process::Process;
use crate::stage::Stage;
use crate::streams::{Console, Streams};
use crate::window::our_size;

/// Gives the command a terminal (`-t`), from the container's own `/dev`.
#[derive(Debug)]
pub struct Terminal {
    size: Option<libc::winsize>,
    /// Whether our own standard input is typed into it.
    interactive: bool,
}

impl Terminal {
    /// For `process`, if it is to have one.
    pub fn of(process: &Process, streams: &Streams) -> Option<Self> {
        process.terminal.then_some(Self {
            size: None,
            interactive: matches!(streams.console, Console::Pump { input: true }),
        })
    }
}

impl Mechanism for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Terminal]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        if self.interactive && !nix::unistd::isatty(std::io::stdin()).unwrap_or(false) {
            return Err(Error::new("the input device is not a terminal").hint(
                "-t gives the command a terminal that is driven from yours: leave it out in a script or a pipe",
            ));
        }
        self.size = our_size();
        Ok(())
    }

    fn enter(&self, _: Stage, inside: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let master = open_master(inside.new_root)?;
        let slave =
            open_peer(&master).map_err(Failure::of("open the terminal's slave side", b""))?;
        if let Some(size) = self.size {
            let _ = set_window_size(&master, size);
        }
        if inside.new_root {
            bind_console(&slave)?;
        }
        for standard in 0..=2 {
            kit::sys::descriptor::duplicate_onto(&slave, standard)
                .map_err(Failure::of("make the terminal the standard", b""))?;
        }
        inside
            .give_terminal(master)
            .map_err(Failure::of("hand the terminal to the parent", b""))
    }

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let hint = match failure.errno {
            Errno::ENOENT => {
                "the container has no /dev/ptmx: -t needs a devpts file system at /dev/pts"
            }
            Errno::ENOSPC => "no pseudoterminal is left: see /proc/sys/kernel/pty/max",
            Errno::ENODEV => {
                "what the container has as /dev/ptmx is not the pseudoterminal multiplexer"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn open_master(in_new_root: bool) -> Result<OwnedFd, Failure<'static>> {
    let path = if in_new_root {
        c"/dev/pts/ptmx"
    } else {
        c"/dev/ptmx"
    };
    let failure = |errno| Failure::new("open", path.to_bytes(), errno);
    let master = open(
        path,
        OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .map_err(failure)?;
    // A file that a hostile root file system has put there must not pass for a terminal: ptmx is 5:2 (ptmx(4)).
    let device = fstat(&master).map_err(failure)?.st_rdev;
    if device == nix::sys::stat::makedev(5, 2) {
        Ok(master)
    } else {
        Err(failure(Errno::ENODEV))
    }
}

/// `/dev/console` is the slave itself, bound over an empty file in the container's own `/dev`, as the OCI runtime
/// specification asks. Both ends are descriptors: CVE-2025-52565 was a console mounted through a symlink.
fn bind_console(slave: &OwnedFd) -> Result<(), Failure<'static>> {
    let failure = |errno| Failure::new("mount the terminal on", b"/dev/console", errno);
    let flags = OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let target = open(c"/dev/console", flags, Mode::from_bits_truncate(0o600)).map_err(failure)?;
    let mount = clone_tree(slave, c"", libc::AT_EMPTY_PATH).map_err(failure)?;
    move_mount(mount, target).map_err(failure)
}

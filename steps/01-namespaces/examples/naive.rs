//! The obvious way to a container: leave the host's namespaces, and run the command. It looks right:
//!
//! ```text
//! # naive sh -c 'hostname; echo $$'
//! naive
//! 1
//! ```
//!
//! `tests/attacks` breaks it in seven ways. What is missing here, `src/` has.

use std::env::args_os;
use std::io::Result;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;

fn main() -> Result<ExitCode> {
    let mut words = args_os().skip(1);
    let program = words.next().expect("a command was given");

    // From here on a mount is "ours" – but what we mount still reaches everybody with whom we shared it before.
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC)?;
    // The next child is the first process of a new namespace – but /proc still shows the old one.
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET)?;
    sethostname("naive")?;

    // It gets our environment, our descriptors, our terminal; and it does not notice when we die.
    let status = Command::new(program).args(words).status()?;
    let signal = status.signal().map(|number| 128 + number);
    Ok(ExitCode::from(status.code().or(signal).unwrap_or(125) as u8))
}

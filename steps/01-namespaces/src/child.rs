//! The child's side of the spawn: from clone3 to execve, one straight line.

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use kit::sys::descriptor::close_range;
use kit::sys::process::{die_with_parent, reset_signals, set_undumpable};
use kit::{Failure, error, marker};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, ForkResult, access, chdir, execve, fork, setsid};

use crate::command::{CHDIR, Command, EXECUTE, FORK, INTERPRET, Prepared};
use crate::gate::{Gate, LAST_STEP};
use crate::init;
use crate::spawn::Mechanisms;

/// What the child is born with: all that it needs was made before it existed.
pub(crate) struct Birth<'a> {
    pub(crate) command: &'a Command,
    pub(crate) ready: &'a Prepared,
    pub(crate) mechanisms: &'a Mechanisms,
    /// The parent's end of the socket pair, which the child must close to hear of the parent's death.
    pub(crate) ours: BorrowedFd<'a>,
    pub(crate) gate: Gate,
}

/// The child's life. It ends with `_exit`, never with a return or an unwinding that would run the parent's
/// destructors a second time.
pub(crate) fn run(birth: Birth<'_>) -> ! {
    let (index, failure) = match live(&birth) {
        Ok(never) => match never {},
        Err(failed) => failed,
    };
    birth.gate.fail(index, &failure);
    exit(error::FAILED)
}

fn live<'a>(birth: &'a Birth<'a>) -> Result<Infallible, (u8, Failure<'a>)> {
    let last = |failure| (LAST_STEP, failure);
    let ours = birth.ours.as_raw_fd();
    // SAFETY: the parent's end belongs to the parent; this process never uses it, and `_exit` drops nothing.
    unsafe { close_range(ours, ours as u32) }
        .map_err(Failure::of("close the parent's socket", b""))
        .map_err(last)?;
    tie_to_parent(&birth.gate).map_err(last)?;
    marker("spawn", "gate");
    if !birth.gate.wait() {
        exit(error::FAILED);
    }
    for (index, mechanism) in birth.mechanisms.iter().enumerate() {
        marker(mechanism.name(), "enter");
        mechanism
            .enter(&birth.gate)
            .map_err(|failure| (index as u8, failure))?;
    }
    marker("spawn", "seal");
    seal(birth).map_err(last)?;
    if birth.command.init {
        fork_command(birth).map_err(last)
    } else {
        execute(birth).map_err(last)
    }
}

/// The container must not outlive its parent, even one that is killed.
fn tie_to_parent(gate: &Gate) -> Result<(), Failure<'static>> {
    die_with_parent().map_err(Failure::of("ask to die with the parent", b""))?;
    // The parent may have died before the request was made; then its end of the socket is closed.
    if gate.is_abandoned() {
        exit(error::FAILED);
    }
    Ok(())
}

// ANCHOR: seal
/// What must be so before anything of the container's own runs beside this process.
fn seal(birth: &Birth<'_>) -> Result<(), Failure<'static>> {
    // The container's processes could trace this one, or read its memory and descriptors through /proc: CVE-2016-9962.
    set_undumpable().map_err(Failure::of("become undumpable", b""))?;
    // A change of credentials on the way here has made the kernel forget it.
    die_with_parent().map_err(Failure::of("ask to die with the parent", b""))?;
    if birth.gate.is_abandoned() {
        exit(error::FAILED);
    }
    if let Some(null) = &birth.ready.null {
        kit::sys::descriptor::duplicate_onto(null, 0)
            .map_err(Failure::of("make the standard input", b"/dev/null"))?;
    }
    // Whatever the caller or a mechanism had open ends here: CVE-2024-21626 was a forgotten descriptor of a host
    // directory, through which a container could leave.
    close_all_but(birth.gate.as_fd().as_raw_fd())
        .map_err(Failure::of("close inherited descriptors", b""))
}
// ANCHOR_END: seal

fn close_all_but(kept: RawFd) -> nix::Result<()> {
    if kept > FIRST {
        // SAFETY: nothing below uses a descriptor but 0, 1, 2 and the gate; `_exit` or execve drops nothing.
        unsafe { close_range(FIRST, kept as u32 - 1) }?;
    }
    // SAFETY: as above.
    unsafe { close_range(kept + 1, u32::MAX) }
}

/// The first descriptor after standard input, output and error.
const FIRST: RawFd = 3;

/// This process becomes the container's init, and its child the command.
fn fork_command<'a>(birth: &'a Birth<'a>) -> Result<Infallible, Failure<'a>> {
    // SAFETY: a child of clone3 has one thread.
    match unsafe { fork() }.map_err(Failure::of(FORK, b""))? {
        ForkResult::Child => {
            die_with_parent().map_err(Failure::of("ask to die with the parent", b""))?;
            let Err(failure) = execute(birth);
            birth.gate.fail(LAST_STEP, &failure);
            exit(error::FAILED)
        }
        ForkResult::Parent { child } => {
            // The end of file that tells the parent of the execve comes when the last copy is closed.
            // SAFETY: the gate is not used in this process again.
            let _ = unsafe { close_range(FIRST, u32::MAX) };
            show_as_init(birth.ready);
            init::run(child)
        }
    }
}

/// `ps` inside shows `init`, and `/proc/1/environ` nothing: the command line and the environment that we were started
/// with are the host's, and an environment is full of secrets.
fn show_as_init(ready: &Prepared) {
    let _ = nix::sys::prctl::set_name(c"init");
    if let Some(area) = ready.start_area {
        // SAFETY: our own area, found before the fork; nothing refers into it.
        unsafe { area.overwrite(c"init") };
    }
}

/// The last step: this process becomes the command.
fn execute<'a>(birth: &'a Birth<'a>) -> Result<Infallible, Failure<'a>> {
    // A session of its own: no terminal of ours can be reached by it (TIOCSTI), and with -t it can have one. The first
    // process of a PID namespace that was started by a session leader is not one itself, so this cannot fail.
    setsid().map_err(Failure::of("start a new session", b""))?;
    if birth.command.terminal {
        kit::sys::terminal::make_controlling(std::io::stdin())
            .map_err(Failure::of("take the terminal", b"/dev/tty"))?;
    }
    if let Some(directory) = &birth.ready.directory {
        chdir(directory.as_c_str()).map_err(Failure::of(CHDIR, directory.to_bytes()))?;
    }
    reset_signals(&[]).map_err(Failure::of("reset the signals", b""))?;
    marker("spawn", "ready");
    birth
        .gate
        .ready()
        .map_err(Failure::of("report to the parent", b""))?;
    marker("spawn", "exec");
    try_all(birth.ready)
}

/// execvp(3), but over candidates made before the fork: the first that can be executed wins; a file that is there and
/// may not be executed is a better explanation than one that is not there.
fn try_all(ready: &Prepared) -> Result<Infallible, Failure<'_>> {
    let mut worst = Failure::new(EXECUTE, ready.arguments[0].to_bytes(), Errno::ENOENT);
    for candidate in &ready.candidates {
        let Err(errno) = execve(candidate, &ready.arguments, &ready.environment);
        match errno {
            Errno::ENOENT | Errno::ENOTDIR if !exists(candidate) => {}
            Errno::ENOENT => return Err(at(INTERPRET, candidate, errno)),
            Errno::EACCES | Errno::ENOTDIR => worst = at(EXECUTE, candidate, errno),
            _ => return Err(at(EXECUTE, candidate, errno)),
        }
    }
    Err(worst)
}

fn at<'a>(operation: &'a str, candidate: &'a CString, errno: Errno) -> Failure<'a> {
    Failure::new(operation, candidate.to_bytes(), errno)
}

fn exists(path: &CStr) -> bool {
    access(path, AccessFlags::F_OK).is_ok()
}

/// `_exit(2)`: no destructor, no buffer flushed twice.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: ends the process at once; nothing of it is used afterwards.
    unsafe { libc::_exit(code.into()) }
}

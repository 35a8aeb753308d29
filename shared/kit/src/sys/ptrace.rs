//! ptrace(2), as far as `nix` lacks it: a tracee that waits to be seized, stops with every signal, and the system call
//! that it stands in.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::ptrace::{AddressType, syscall_info};
use nix::unistd::{Pid, read, write};

use super::check;
use super::descriptor::close_range;

/// Why a tracee stopped, or how it ended. Signals are numbers, so that real-time signals fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the entry or the exit of a system call (PTRACE_O_TRACESYSGOOD).
    Syscall,
    /// A `PTRACE_EVENT_*`, and the signal beside it, which tells a group stop from the others.
    Event(i32, i32),
    /// A signal is about to be delivered.
    Signal(i32),
    /// It has exited.
    Exited(i32),
    /// A signal has ended it.
    Killed(i32),
}

/// Where a tracee stands in a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before it: its number and its six arguments.
    Entry {
        /// The number, in the numbering of `arch`.
        number: u64,
        /// All six registers, whether the call uses them or not.
        arguments: [u64; 6],
    },
    /// After it: the value, or the errno if it failed.
    Exit(Result<i64, Errno>),
    /// In none.
    None,
}

/// Makes the process that `command` will start write its pid (4 bytes, native order) to `socket` and wait there for a
/// byte, just before its execve. At end of file it gives up with ECANCELED. `other` is the other end of the socket,
/// of which it gives up its copy, so that our death is an end of file too.
pub fn announce_before_exec(command: &mut Command, socket: OwnedFd, other: RawFd) {
    let announce = move || -> io::Result<()> {
        // SAFETY: the child's copy belongs to nobody there: it executes another program or ends with `_exit`.
        unsafe { close_range(other, other as u32) }?;
        write(&socket, &std::process::id().to_ne_bytes())?;
        let mut go = [0; 1];
        loop {
            match read(&socket, &mut go) {
                Ok(1) => return Ok(()),
                Ok(_) => return Err(Errno::ECANCELED.into()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    };
    // SAFETY: between fork and exec `announce` makes system calls only (close_range, getpid, write, read): it takes no lock and
    // allocates nothing, not even for its errors, which are numbers.
    unsafe { command.pre_exec(announce) };
}

/// Waits for any tracee of the calling thread, and for no other thread's children (`__WNOTHREAD`, wait(2)).
///
/// # Errors
/// ECHILD once there is none left; EINTR.
pub fn wait_any() -> nix::Result<(Pid, Stop)> {
    let mut status = 0;
    // SAFETY: `status` is a valid place for an integer.
    let pid = Errno::result(unsafe {
        libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD)
    })?;
    Ok((Pid::from_raw(pid), stop(status)))
}

fn stop(status: libc::c_int) -> Stop {
    if libc::WIFEXITED(status) {
        return Stop::Exited(libc::WEXITSTATUS(status));
    }
    if libc::WIFSIGNALED(status) {
        return Stop::Killed(libc::WTERMSIG(status));
    }
    let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
    if event != 0 {
        Stop::Event(event, signal)
    } else if signal == libc::SIGTRAP | 0x80 {
        Stop::Syscall
    } else {
        Stop::Signal(signal)
    }
}

/// PTRACE_SYSCALL: lets a stopped tracee run to its next system call, with `signal` delivered to it if not 0.
///
/// # Errors
/// ESRCH if it has been killed meanwhile, which its next wait reports.
pub fn resume(tracee: Pid, signal: i32) -> nix::Result<()> {
    request(libc::PTRACE_SYSCALL, tracee, signal)
}

/// PTRACE_LISTEN: leaves a tracee in its group stop, so that SIGCONT alone makes it run again.
pub fn listen(tracee: Pid) -> nix::Result<()> {
    request(libc::PTRACE_LISTEN, tracee, 0)
}

fn request(request: libc::c_uint, tracee: Pid, data: i32) -> nix::Result<()> {
    // SAFETY: these requests take integers; the address is ignored.
    check(unsafe {
        libc::ptrace(
            request,
            tracee.as_raw(),
            std::ptr::null_mut::<libc::c_void>(),
            libc::c_long::from(data),
        )
    })
    .map(drop)
}

/// PTRACE_GET_SYSCALL_INFO (Linux 5.3): the architecture (`AUDIT_ARCH_*`) and where the tracee stands.
pub fn position(tracee: Pid) -> nix::Result<(u32, Position)> {
    let info = syscall_info(tracee)?;
    let position = match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: the kernel has filled in the variant that `op` names.
            let entry = unsafe { info.u.entry };
            Position::Entry {
                number: entry.nr,
                arguments: entry.args,
            }
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: as above.
            let exit = unsafe { info.u.exit };
            Position::Exit(match exit.is_error {
                0 => Ok(exit.sval),
                _ => Err(Errno::from_raw(-exit.sval as i32)),
            })
        }
        _ => Position::None,
    };
    Ok((info.arch, position))
}

/// Writes a machine word into the memory of a stopped tracee, also where that is read-only (PTRACE_POKEDATA).
pub fn poke(tracee: Pid, address: u64, word: u64) -> nix::Result<()> {
    nix::sys::ptrace::write(tracee, address as AddressType, word as libc::c_long)
}

/// Reads a machine word from it (PTRACE_PEEKDATA).
pub fn peek(tracee: Pid, address: u64) -> nix::Result<u64> {
    nix::sys::ptrace::read(tracee, address as AddressType).map(|word| word as u64)
}

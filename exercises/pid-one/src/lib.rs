//! PID 1 of a container: what a process must do that the kernel has made the init of a PID namespace.

use kit::sys::process::{kill, sigwait_any};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Runs as PID 1, with all signals blocked, until its child `command` has ended. Returns the exit code to end with.
pub fn init(command: Pid) -> u8 {
    loop {
        match sigwait_any() {
            Ok(libc::SIGCHLD) => {
                if let Some(code) = reap(command) {
                    return code;
                }
            }
            Ok(signal) => forward(command, signal),
            Err(_) => {}
        }
    }
}

/// Takes the exit status of every child that has ended. Returns the command's exit code, if it was one of them.
fn reap(command: Pid) -> Option<u8> {
    //< reap: wait for all that have ended, without blocking; the command's exit code is the result
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(_) => return code,
            Ok(status) if status.pid() == Some(command) => code = exit_code(status).or(code),
            Ok(_) => {}
        }
    }
    //= let _ = (command, waitpid::<Pid>, WaitPidFlag::WNOHANG, exit_code);
    //= todo!("reap whatever has ended");
    //>
}

/// Passes a signal on to the command.
fn forward(command: Pid, signal: i32) {
    //< forward: the command gets every signal that PID 1 gets
    // ESRCH: it has just ended, and its SIGCHLD is on the way.
    let _ = kill(command, signal);
    //= let _ = (command, signal, kill);
    //= todo!("pass the signal on");
    //>
}

/// The exit code that stands for a status, if the status is an end.
fn exit_code(status: WaitStatus) -> Option<u8> {
    //< code: the exit code, or 128 + n for signal n
    if let WaitStatus::Signaled(_, signal, _) = status {
        return Some(128 + signal as u8);
    }
    match status {
        WaitStatus::Exited(_, code) => u8::try_from(code & 0xff).ok(),
        _ => None,
    }
    //= let _ = status;
    //= todo!("the exit code of a status");
    //>
}

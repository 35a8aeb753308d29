//! The container's init: PID 1 of its namespace, with the three duties that this number brings.
//!
//! 1. **Reap.** Orphans of the namespace become its children, and stay zombies until it waits for them (wait(2)).
//! 2. **Pass signals on.** The kernel drops signals to PID 1 that it has no handler for (pid_namespaces(7)): a
//!    `sleep` that is PID 1 cannot be terminated. The command is PID 2, and can.
//! 3. **End.** When it exits, the kernel kills all that is left in the namespace; so it exits when the command has.

use kit::sys::process::{exit, wait};
use nix::errno::Errno;
use nix::unistd::Pid;

// ANCHOR: init
/// Runs as init for `command` and exits with its exit code. All signals are blocked since before the clone, so none
/// can be lost between the fork and this loop.
pub(crate) fn run(command: Pid) -> ! {
    loop {
        match kit::sys::process::sigwait_any() {
            Ok(libc::SIGCHLD) => {
                if let Some(code) = reap_all(command) {
                    exit(code);
                }
            }
            // ESRCH: it has just ended, and its SIGCHLD is on the way.
            Ok(signal) => drop(kit::sys::process::kill(command, signal)),
            Err(_) => {}
        }
    }
}
// ANCHOR_END: init

/// One SIGCHLD may stand for several children. Returns the command's exit code once it is among them.
fn reap_all(command: Pid) -> Option<u8> {
    let mut code = None;
    loop {
        match wait(None, libc::WNOHANG) {
            Ok(Some((pid, ended))) if pid == command => code = Some(ended.code()),
            Ok(Some(_)) | Err(Errno::EINTR) => {}
            Ok(None) | Err(_) => return code,
        }
    }
}

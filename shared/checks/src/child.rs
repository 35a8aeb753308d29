//! Processes that a check starts to try a submission in.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use kit::sys::branch::branch;
use kit::sys::process::pidfd_send_signal;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, pipe};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::guarded;
use crate::{Finding, Outcome};

/// How long a check waits for a process before it says that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A child in which a part of a check runs. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Probation {
    /// Its pid.
    pub pid: Pid,
    pidfd: OwnedFd,
    verdict: File,
    is_reaped: bool,
}

/// Starts a child in new namespaces (`libc::CLONE_NEW*`, or 0) that runs `body` and sends home what it returns.
///
/// # Errors
/// The kernel refuses the clone.
pub fn probation<T: Serialize>(
    flags: libc::c_int,
    body: impl FnOnce() -> Outcome<T>,
) -> Outcome<Probation> {
    let (read, write) = pipe()?;
    set_close_on_exec(&read)?;
    set_close_on_exec(&write)?;
    let mut write = File::from(write);
    let (pid, pidfd) = branch(flags as u64, || {
        let outcome = guarded(body);
        let text = serde_json::to_vec(&outcome).unwrap_or_default();
        u8::from(write.write_all(&text).is_err())
    })?;
    Ok(Probation {
        pid,
        pidfd,
        verdict: File::from(read),
        is_reaped: false,
    })
}

fn set_close_on_exec(descriptor: &OwnedFd) -> nix::Result<()> {
    let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
    nix::fcntl::fcntl(descriptor, flags).map(drop)
}

impl Probation {
    /// What `body` returned. A child that ends without saying so, or says nothing for [`PATIENCE`], is a finding.
    ///
    /// # Errors
    /// The finding of `body`, or one about the end of the child.
    pub fn outcome<T: DeserializeOwned>(mut self) -> Outcome<T> {
        let mut text = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while poll_readable(&self.verdict, deadline)? {
            let mut part = [0; 4096];
            match self.verdict.read(&mut part)? {
                0 => return self.read_outcome(&text),
                length => text.extend_from_slice(&part[..length]),
            }
        }
        Err(Finding::new(
            "hangs",
            format!(
                "your code had not come back after {} s: process {} was {}",
                PATIENCE.as_secs(),
                self.pid,
                crate::proc::describe(self.pid)
            ),
        ))
    }

    fn read_outcome<T: DeserializeOwned>(&mut self, text: &[u8]) -> Outcome<T> {
        if text.is_empty() {
            let how = match self.wait()? {
                WaitStatus::Exited(_, code) => format!("exited with code {code}"),
                WaitStatus::Signaled(_, signal, _) => format!("was killed by {signal}"),
                status => format!("{status:?}"),
            };
            return Err(Finding::new(
                "ended",
                format!("the process in which your code ran {how} before your code returned"),
            ));
        }
        serde_json::from_slice::<Outcome<T>>(text)
            .unwrap_or_else(|error| Err(Finding::new("check-broken", error.to_string())))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// ESRCH if it has ended.
    pub fn signal(&self, signal: i32) -> nix::Result<()> {
        pidfd_send_signal(&self.pidfd, signal)
    }

    /// Whether it ends within [`PATIENCE`].
    pub fn ends(&self) -> bool {
        poll_readable(&self.pidfd, Instant::now() + PATIENCE).unwrap_or(false)
    }

    /// Waits for its end, however long that takes: ask [`ends`](Self::ends) first.
    ///
    /// # Errors
    /// Somebody else has reaped it.
    pub fn wait(&mut self) -> nix::Result<WaitStatus> {
        loop {
            match waitpid(self.pid, None) {
                Err(Errno::EINTR) => {}
                status => {
                    self.is_reaped = true;
                    return status;
                }
            }
        }
    }
}

impl Drop for Probation {
    fn drop(&mut self) {
        if !self.is_reaped {
            let _ = pidfd_send_signal(&self.pidfd, libc::SIGKILL);
            let _ = self.wait();
        }
    }
}

fn poll_readable(descriptor: impl AsFd, deadline: Instant) -> nix::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut set = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        match poll(&mut set, timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno),
        }
    }
}

/// Asks `question` again and again until it has an answer or [`PATIENCE`] is over.
pub fn wait_until<T>(mut question: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = question() {
            return Some(answer);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

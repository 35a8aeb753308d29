//! Entering a container that runs already: its namespaces, all at once.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};

use kit::sys::process::{pidfd_open, setns_all};
use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::sys::stat::{fstat, stat};
use nix::unistd::Pid;

use crate::inside::Inside;
use crate::kind::Kind;
use crate::mechanism::Mechanism;
use crate::plan::Plan;
use crate::stage::Stage;

/// Joins every namespace in which a process differs from us.
///
/// setns(2) with a pidfd takes all kinds in one call, all or none, and in the one order that works: the user namespace
/// first, because it gives the right to join the others. The PID namespace is the exception: it applies to children,
/// so the command is forked after.
#[derive(Debug)]
pub struct Join {
    pid: Pid,
    target: Option<Target>,
}

#[derive(Debug)]
struct Target {
    pidfd: OwnedFd,
    flags: libc::c_int,
    joins_user: bool,
}

impl Join {
    /// The container of the process `pid`, any process of it.
    pub fn new(pid: Pid) -> Self {
        Self { pid, target: None }
    }
}

impl Mechanism for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Join]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        let pid = visible(self.pid);
        let pidfd = pidfd_open(pid).map_err(|errno| open_error(pid, errno))?;
        let kinds = differing(pid)?;
        if kinds.is_empty() {
            return Err(Error::new(format!("process {} is in no container: it shares all its namespaces with us", self.pid))
                .hint("give the pid of a process inside, not of the program that started it: `lsns -t pid` lists them"));
        }
        // The number may have gone to another process between the two looks.
        if pidfd_open(pid).is_err() || has_ended(&pidfd) {
            return Err(open_error(pid, Errno::ESRCH));
        }
        self.target = Some(Target {
            pidfd,
            flags: kinds.iter().fold(0, |flags, kind| flags | kind.flag()),
            joins_user: kinds.contains(&Kind::User),
        });
        Ok(())
    }

    fn enter(&self, _: Stage, _: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let target = self.target.as_ref().ok_or(Failure::new(
            "join an unprepared target",
            b"",
            Errno::EINVAL,
        ))?;
        setns_all(target.pidfd.as_fd(), target.flags)
            .map_err(Failure::of("join the container's namespaces", b""))?;
        if target.joins_user {
            crate::userns::become_root()?;
        }
        Ok(())
    }

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let hint = match failure.errno {
            Errno::EPERM => {
                "joining needs CAP_SYS_ADMIN in the container's user namespace: run it with sudo, or as the user who made it"
            }
            Errno::ESRCH => "the process has just ended",
            Errno::EINVAL => "setns(2) takes a pidfd since Linux 5.8",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// A process of the same container that lets itself be looked at: `pid`, or a child of it. Our init does not, not even
/// by the user whose container it is (PR_SET_DUMPABLE in prctl(2)); what it has executed does.
fn visible(pid: Pid) -> Pid {
    let can_be_seen = |pid: &Pid| File::open(format!("/proc/{pid}/ns/pid")).is_ok();
    if can_be_seen(&pid) {
        return pid;
    }
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|child| child.parse().ok().map(Pid::from_raw))
        .find(can_be_seen)
        .unwrap_or(pid)
}

fn open_error(pid: Pid, errno: Errno) -> Error {
    let error = Error::sys("find the process", pid.to_string(), errno);
    match errno {
        Errno::ESRCH => error.hint(
            "it has ended, or never was: `lsns -t pid` lists the containers' first processes",
        ),
        Errno::EINVAL => {
            error.hint("a pid is a number from 1 up, of a process and not of a thread")
        }
        _ => error,
    }
}

fn has_ended(pidfd: &OwnedFd) -> bool {
    kit::sys::process::pidfd_send_signal(pidfd, 0) == Err(Errno::ESRCH)
}

/// The kinds of namespace in which `pid` is not where we are. A namespace is its inode (namespaces(7)).
fn differing(pid: Pid) -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        let ours = format!("/proc/self/ns/{}", kind.file());
        // A kernel without this kind of namespace has no such file.
        let Ok(ours) = stat(ours.as_str()) else {
            continue;
        };
        let path = format!("/proc/{pid}/ns/{}", kind.file());
        let file = File::open(&path).map_err(|e| match e.kind() {
            // What has just ended has no namespaces any more.
            ErrorKind::NotFound => open_error(pid, Errno::ESRCH),
            _ => Error::io("look at", &path, &e)
                .hint("only root, or the user who made a container, may look into it"),
        })?;
        let theirs = fstat(&file).map_err(|errno| Error::sys("look at", &path, errno))?;
        if (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

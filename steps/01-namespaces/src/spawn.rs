//! The spawn: how a list of mechanisms becomes a running container. The parent's side; the child's is in `child`.
//!
//! The protocol that both speak is drawn in [`gate`](crate::gate).

use std::os::fd::{AsFd, OwnedFd};

use kit::error::Kind;
use kit::sys::process::{Cloned, Ended, clone3, is_single_threaded, wait};
use kit::{Error, Result, marker};
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::child;
use crate::command::{Command, Prepared};
use crate::container::Container;
use crate::gate::{EMPTY, Gate, LAST_STEP, Word};
use crate::mechanism::{Child, Exit, Mechanism, Plan};
use crate::signals::Signals;

/// The ordered list that a container is.
pub type Mechanisms = Vec<Box<dyn Mechanism>>;

/// Starts `command` in a container made of `mechanisms`, and returns when it has been executed.
///
/// From here to the end of the container, the signals sent to this process are passed on to it (see
/// [`Container::wait`]); they are blocked in the calling thread.
///
/// # Errors
/// Whatever a mechanism refuses, in any moment; a command that is not found (exit code 127) or cannot be executed
/// (126). Whatever had been prepared is undone, and no process is left.
pub fn spawn(command: &Command, mut mechanisms: Mechanisms) -> Result<Container> {
    check_single_threaded()?;
    let signals = Signals::block()?;
    let mut prepared = 0;
    let started = start(command, &mut mechanisms, &mut prepared, &signals);
    match started {
        Ok(started) => Ok(Container::new(started, command.stdin, mechanisms, signals)),
        Err(error) => {
            undo(&mut mechanisms[..prepared]);
            Err(error)
        }
    }
}

/// A process that has executed its command.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// The master side of its terminal, with `-t`.
    pub(crate) terminal: Option<OwnedFd>,
}

fn start(
    command: &Command,
    mechanisms: &mut Mechanisms,
    prepared: &mut usize,
    signals: &Signals,
) -> Result<Started> {
    let ready = command.prepare()?;
    let mut plan = Plan::default();
    for mechanism in mechanisms.iter_mut() {
        marker(mechanism.name(), "prepare");
        mechanism.prepare(&mut plan)?;
        *prepared += 1;
    }
    let (gate, theirs) =
        Gate::pair().map_err(|errno| Error::sys("make the start socket", "", errno))?;
    let (pid, pidfd) = clone(command, &ready, mechanisms, &plan, &gate, theirs)?;
    let handshake = Handshake {
        child: Child {
            pid,
            pidfd: pidfd.as_fd(),
        },
        gate,
        command,
        signals,
    };
    match handshake.run(mechanisms) {
        Ok(terminal) => Ok(Started {
            pid,
            pidfd,
            terminal,
        }),
        Err(error) => {
            let _ = kit::sys::process::pidfd_send_signal(&pidfd, libc::SIGKILL);
            let status = reap(pid);
            Err(died_early(error, status))
        }
    }
}

/// The clone; the child never comes back from here.
fn clone(
    command: &Command,
    ready: &Prepared,
    mechanisms: &Mechanisms,
    plan: &Plan,
    ours: &Gate,
    theirs: Gate,
) -> Result<(Pid, OwnedFd)> {
    marker("spawn", "clone");
    // SAFETY: `spawn` has checked that this process has one thread.
    let cloned = unsafe { clone3(plan.flags, plan.cgroup.as_ref().map(AsFd::as_fd)) };
    match cloned.map_err(|errno| clone_error(plan, errno))? {
        Cloned::Parent(pid, pidfd) => Ok((pid, pidfd)),
        Cloned::Child => child::run(child::Birth {
            command,
            ready,
            mechanisms,
            ours: ours.as_fd(),
            gate: theirs,
        }),
    }
}

/// What is left to do between clone3 and a running command.
struct Handshake<'a> {
    child: Child<'a>,
    gate: Gate,
    command: &'a Command,
    signals: &'a Signals,
}

// ANCHOR: handshake
impl Handshake<'_> {
    fn run(&self, mechanisms: &mut Mechanisms) -> Result<Option<OwnedFd>> {
        for mechanism in mechanisms.iter_mut() {
            marker(mechanism.name(), "attach");
            mechanism.attach(&self.child)?;
        }
        marker("spawn", "gate");
        // A child that has died meanwhile shows as end of file below, with its exit status.
        match self.gate.open() {
            Ok(()) | Err(Errno::EPIPE) => {}
            Err(errno) => return Err(Error::sys("open the start gate", "", errno)),
        }
        let (mut terminal, mut is_ready) = (None, false);
        let mut buffer = EMPTY;
        loop {
            self.signals.wait_for(&self.gate)?;
            let word = self.gate.hear(&mut buffer);
            match word.map_err(|errno| Error::sys("hear from the container", "", errno))? {
                Word::Terminal(master) => terminal = Some(master),
                Word::Ready => is_ready = true,
                Word::Failed(LAST_STEP, failure) => return Err(self.command.explain(failure)),
                Word::Failed(index, failure) => return Err(explain(mechanisms, index, failure)),
                Word::EndOfFile if is_ready => return Ok(terminal),
                Word::EndOfFile => {
                    return Err(Error::new(DIED_EARLY).of_kind(Kind::DiedEarly));
                }
            }
        }
    }
}
// ANCHOR_END: handshake

const DIED_EARLY: &str = "the container's first process died before it could run the command";

fn explain(mechanisms: &Mechanisms, index: u8, failure: kit::Failure<'_>) -> Error {
    let error = failure.to_error();
    match mechanisms
        .get(usize::from(index))
        .and_then(|mechanism| mechanism.hint(&failure))
    {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn died_early(error: Error, ended: Option<Ended>) -> Error {
    match ended {
        Some(Ended::Signaled(signal)) if error.kind() == Kind::DiedEarly => Error::new(format!(
            "{DIED_EARLY} (killed by {})",
            crate::signals::name(signal.into())
        ))
        .of_kind(Kind::DiedEarly)
        .hint(
            "somebody killed it, or the kernel did for want of memory: `dmesg | tail` says which",
        ),
        _ => error,
    }
}

/// Waits for the child's end, however often a signal interrupts.
pub(crate) fn reap(pid: Pid) -> Option<Ended> {
    loop {
        match wait(Some(pid), 0) {
            Err(Errno::EINTR) => {}
            other => return other.ok().flatten().map(|(_, ended)| ended),
        }
    }
}

/// Undoes what was prepared, the last first. The error that led here is the one to report, not one of these.
fn undo(mechanisms: &mut [Box<dyn Mechanism>]) {
    for mechanism in mechanisms.iter_mut().rev() {
        marker(mechanism.name(), "finish");
        let _ = mechanism.finish(&mut Exit::default());
    }
}

fn check_single_threaded() -> Result<()> {
    match is_single_threaded() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(
            "a container cannot be started from a process with several threads",
        )
        .hint("the child of a fork has one thread, and every lock another held stays locked: start the binary instead")),
        Err(errno) => Err(Error::sys("count this process's threads in", "/proc/self/task", errno)
            .hint("/proc must be mounted")),
    }
}

fn clone_error(plan: &Plan, errno: Errno) -> Error {
    let error = Error::sys("start a process in new namespaces", "", errno);
    let user = plan.has(libc::CLONE_NEWUSER);
    match errno {
        Errno::EPERM if !user => error.hint(
            "new namespaces need root (CAP_SYS_ADMIN): run it with sudo, or add --user for a user namespace of your own",
        ),
        Errno::EPERM => error.hint(
            "this system forbids user namespaces to ordinary users: see kernel.unprivileged_userns_clone (Debian) and \
             kernel.apparmor_restrict_unprivileged_userns (Ubuntu) with sysctl; inside a chroot they are always forbidden",
        ),
        Errno::ENOSPC | Errno::EUSERS => error.hint(
            "a limit on namespaces is reached: compare `sysctl user` (max_user_namespaces, max_pid_namespaces …) with `lsns`; \
             namespaces nest at most 32 deep",
        ),
        Errno::ENOMEM | Errno::EAGAIN => error.hint(
            "no room for another process: `ulimit -u`, the pids limit of the cgroup you are in, or memory",
        ),
        Errno::EINVAL => error.hint(
            "the kernel does not know one of the namespaces: it was built without it, or is older than Linux 5.6",
        ),
        Errno::EBUSY => error.hint("the cgroup to be born into has child groups with controllers enabled (cgroups(7))"),
        Errno::ENOSYS => error.hint("clone3(2) needs Linux 5.3, and a seccomp filter around us that lets it through"),
        _ => error,
    }
}

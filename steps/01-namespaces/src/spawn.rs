//! The spawn: how a list of mechanisms becomes a running container. The parent's side; the child's is in `child`.
//!
//! The protocol that both speak is drawn in `gate`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use kit::error::Kind;
use kit::sys::process::{Cloned, Ended, clone3, is_single_threaded, pidfd_open};
use kit::{Error, Result, marker};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::unistd::{Pid, getpid};

use crate::child;
use crate::container::{Container, Started, reap};
use crate::exit::Exit;
use crate::gate::{EMPTY, Gate, LAST_STEP, Word};
use crate::leftover::{self, Claim, Leftover, Record};
use crate::lifetime::Lifetime;
use crate::mechanism::{Child, Mechanism, Question};
use crate::mechanisms::Mechanisms;
use crate::plan::Plan;
use crate::process::Process;
use crate::second;
use crate::signals::Signals;
use crate::streams::{self, Streams};

/// Starts `process` in a container made of `mechanisms`, and returns when it has been executed. The container lives with
/// this process.
///
/// From here to the end of the container, the signals sent to this process are passed on to it (see
/// [`Container::wait`]); they are blocked in the calling thread.
///
/// # Errors
/// Whatever a mechanism refuses, in any moment; a command that is not found (exit code 127) or cannot be executed
/// (126). Whatever had been prepared is undone, and no process is left.
pub fn spawn(process: &Process, streams: Streams, mechanisms: Mechanisms) -> Result<Container> {
    begin(process, streams, mechanisms, Lifetime::WithParent, None)
}

/// The first half of [`spawn()`]: the container is there, and its process waits at the second gate until somebody, this
/// process or any other, calls [`start`](crate::start()) on `directory`. What it takes to undo the container is written
/// down there; the directory must exist, and be this container's alone.
///
/// # Errors
/// As [`spawn()`], but for what only the execution of the command can show.
pub fn create(
    process: &Process,
    streams: Streams,
    mechanisms: Mechanisms,
    lifetime: Lifetime,
    directory: &Path,
) -> Result<Created> {
    let container = begin(process, streams, mechanisms, lifetime, Some(directory))?;
    Ok(Created {
        directory: directory.to_owned(),
        container,
    })
}

/// A container whose process waits at the second gate.
#[derive(Debug)]
pub struct Created {
    container: Container,
    directory: PathBuf,
}

impl Created {
    /// Opens the second gate, and returns when the command has been executed.
    ///
    /// # Errors
    /// As [`start`](crate::start()); then the container is gone, if it lives with this process.
    pub fn start(self) -> Result<Container> {
        second::start(&self.directory)?;
        Ok(self.container)
    }

    /// Waits for the end, whoever starts it: see [`Container::wait`].
    ///
    /// # Errors
    /// As [`Container::wait`].
    pub fn wait(self) -> Result<Exit> {
        self.container.wait()
    }

    /// Its first process, as we see it.
    pub fn pid(&self) -> Pid {
        self.container.pid()
    }
}

fn begin(
    process: &Process,
    streams: Streams,
    mut mechanisms: Mechanisms,
    lifetime: Lifetime,
    directory: Option<&Path>,
) -> Result<Container> {
    check_single_threaded()?;
    let signals = Signals::block()?;
    mechanisms.sort()?;
    let mut beginning = Beginning {
        process,
        signals: &signals,
        directory,
        claim: None,
        lifetime,
        prepared: 0,
    };
    match beginning.run(streams, &mut mechanisms) {
        Ok(started) => Ok(Container::new(
            started, mechanisms, signals, lifetime, directory,
        )),
        Err(error) => {
            // The error that led here is the one to report, not one of these. What is written down goes last, and stays
            // if it is still needed.
            let undone = mechanisms.undo(beginning.prepared, &mut Exit::default());
            if let (Some(directory), Some(_), Ok(())) = (directory, &beginning.claim, undone) {
                let _ = leftover::forget(directory);
            }
            Err(error)
        }
    }
}

struct Beginning<'a> {
    process: &'a Process,
    signals: &'a Signals,
    /// Where the second gate is to be, if there is to be one.
    directory: Option<&'a Path>,
    /// The directory is this container's, and nobody else makes or undoes one there.
    claim: Option<Claim>,
    lifetime: Lifetime,
    /// So many mechanisms have been prepared, and are to be undone.
    prepared: usize,
}

impl Beginning<'_> {
    fn run(&mut self, streams: Streams, mechanisms: &mut Mechanisms) -> Result<Started> {
        let ready = self.process.prepare()?;
        let streams = streams.prepare(self.process.terminal)?;
        let mut plan = Plan {
            lifetime: self.lifetime,
            ..Plan::default()
        };
        for mechanism in mechanisms.iter_mut() {
            marker(mechanism.name(), "prepare");
            mechanism.prepare(&mut plan)?;
            self.prepared += 1;
        }
        self.claim = self.directory.map(Claim::take).transpose()?;
        let second = self.directory.map(second::listen_in).transpose()?;
        let us = self.pidfd_of_us()?;
        let (gate, theirs) =
            Gate::pair().map_err(|errno| Error::sys("make the start socket", "", errno))?;
        let Some((pid, pidfd)) = clone(&plan)? else {
            child::run(child::Birth {
                process: self.process,
                ready: &ready,
                streams: &streams,
                mechanisms,
                plan: &plan,
                ours: gate.as_fd(),
                gate: theirs,
                second: second.as_ref().map(AsFd::as_fd),
                parent: us.as_ref().map(AsFd::as_fd),
            })
        };
        // The child's: while we had them open too, we would not hear of its end, nor a starter of it.
        drop((theirs, second));
        let handshake = Handshake {
            child: Child {
                pid,
                pidfd: pidfd.as_fd(),
            },
            gate,
            streams: &streams,
            beginning: self,
        };
        match handshake.run(mechanisms) {
            Ok(terminal) => Ok(Started {
                pid,
                pidfd,
                terminal,
            }),
            Err(error) => {
                let _ = kit::sys::process::pidfd_send_signal(&pidfd, libc::SIGKILL);
                Err(died_early(error, reap(pid)))
            }
        }
    }

    /// By which a child that waits at the second gate hears of our death: the socket pair does not last so long.
    fn pidfd_of_us(&self) -> Result<Option<OwnedFd>> {
        let is_tied = self.directory.is_some() && !self.lifetime.is_detached();
        let pidfd = is_tied.then(|| pidfd_open(getpid())).transpose();
        pidfd.map_err(|errno| Error::sys("open a descriptor of this process", "", errno))
    }
}

/// The clone: what the parent knows of the child; `None` in the child.
fn clone(plan: &Plan) -> Result<Option<(Pid, OwnedFd)>> {
    marker("spawn", "clone");
    let back = plan.pid_namespace.as_ref().map(join_pid_namespace);
    let back = back.transpose()?;
    // SAFETY: `begin` has checked that this process has one thread.
    let cloned = unsafe { clone3(plan.flags, plan.cgroup.as_ref().map(AsFd::as_fd)) };
    if let (Some(back), false) = (back, matches!(cloned, Ok(Cloned::Child))) {
        set_pid_namespace(&back)?;
    }
    match cloned.map_err(|errno| clone_error(plan, errno))? {
        Cloned::Parent(pid, pidfd) => Ok(Some((pid, pidfd))),
        Cloned::Child => Ok(None),
    }
}

/// The namespace of the children to come, and not this process's own (pid_namespaces(7)). Returns the one that they have
/// had till now.
fn join_pid_namespace(namespace: &OwnedFd) -> Result<OwnedFd> {
    let own = "/proc/self/ns/pid";
    let before = std::fs::File::open(own).map_err(|e| Error::io("open", own, &e))?;
    set_pid_namespace(namespace)?;
    Ok(before.into())
}

fn set_pid_namespace(namespace: &OwnedFd) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWPID)
        .map_err(|errno| Error::sys("join the PID namespace", "", errno))
}

/// What is left to do between clone3 and a running command.
struct Handshake<'a> {
    child: Child<'a>,
    gate: Gate,
    streams: &'a streams::Prepared,
    beginning: &'a Beginning<'a>,
}

// ANCHOR: handshake
impl Handshake<'_> {
    fn run(&self, mechanisms: &mut Mechanisms) -> Result<Option<(OwnedFd, bool)>> {
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
        let (mut terminal, mut is_done) = (None, false);
        let mut buffer = EMPTY;
        loop {
            self.beginning.signals.wait_for(&self.gate)?;
            let word = self.gate.hear(&mut buffer);
            match word.map_err(|errno| Error::sys("hear from the container", "", errno))? {
                Word::Ask(index, words, descriptor) => {
                    self.answer(mechanisms, index, &Question { words, descriptor })?;
                }
                Word::Terminal(master) => terminal = self.streams.take_terminal(master)?,
                Word::Created => {
                    self.keep(mechanisms)?;
                    is_done = true;
                }
                Word::Ready => is_done = true,
                Word::Failed(LAST_STEP, failure) => {
                    return Err(self.beginning.process.program().explain(failure));
                }
                Word::Failed(index, failure) => return Err(explain(mechanisms, index, failure)),
                Word::EndOfFile if is_done => return Ok(terminal),
                Word::EndOfFile => {
                    return Err(Error::new(DIED_EARLY).of_kind(Kind::DiedEarly));
                }
            }
        }
    }
}
// ANCHOR_END: handshake

impl Handshake<'_> {
    fn answer(
        &self,
        mechanisms: &mut Mechanisms,
        index: u8,
        question: &Question<'_>,
    ) -> Result<()> {
        let mechanism = mechanisms
            .find(index)
            .ok_or_else(|| Error::new("the container asks for a mechanism that it has not"))?;
        marker(mechanism.name(), "answer");
        let answer = mechanism.answer(question, &self.child)?;
        match self.gate.answer(&answer) {
            // As above: it is heard next.
            Ok(()) | Err(Errno::EPIPE) => Ok(()),
            Err(errno) => Err(Error::sys("answer the container", "", errno)),
        }
    }

    // ANCHOR: keep
    /// Writes down how all is undone, and only then lets the child live without us: whoever dies in between, there is
    /// either a record or nothing that would need one.
    fn keep(&self, mechanisms: &mut Mechanisms) -> Result<()> {
        let directory = self
            .beginning
            .directory
            .ok_or_else(|| Error::new("the container waits to be started, and was not to"))?;
        let made: Vec<Leftover> = mechanisms.iter().filter_map(Mechanism::leftover).collect();
        Record::new(self.child.pid, self.beginning.process.program(), made)?.write(directory)?;
        if self.beginning.lifetime.is_detached() {
            for mechanism in mechanisms.iter_mut() {
                marker(mechanism.name(), "detach");
                mechanism.detach()?;
            }
        }
        match self.gate.keep() {
            Ok(()) | Err(Errno::EPIPE) => Ok(()),
            Err(errno) => Err(Error::sys("let the container wait", "", errno)),
        }
    }
    // ANCHOR_END: keep
}

const DIED_EARLY: &str = "the container's first process died before it could run the command";

fn explain(mechanisms: &mut Mechanisms, index: u8, failure: kit::Failure<'_>) -> Error {
    let error = failure.to_error();
    match mechanisms
        .find(index)
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
            "new namespaces need root (CAP_SYS_ADMIN): run it with sudo, or add --userns for a user namespace of your own",
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

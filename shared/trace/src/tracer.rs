//! The tracer: starts a command, follows it and all that comes of it, and reports what they ask of the kernel.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use kit::sys::ptrace::{Stop, announce_before_exec, listen, resume, wait_any};
use kit::{Error, Result};
use nix::errno::Errno;
use nix::sys::ptrace::{Options, detach, getevent, interrupt, seize};
use nix::unistd::Pid;

use crate::explain;
use crate::model::{End, Event, Process, Trace};
use crate::probe::Breakpoints;
use crate::recorder::{Progress, Recorder};
use crate::tracee::{Tracee, leader};

/// Which calls are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// Those that containers are made of.
    #[default]
    Container,
    /// Those, and every call that fails.
    Failures,
    /// Every call.
    All,
}

/// A command to be traced.
///
/// The command and its descendants are killed when the tracer ends before them; a tracer that is signalled should pass
/// the signal on instead.
#[derive(Debug)]
pub struct Tracer {
    command: Command,
    selection: Selection,
}

/// What a watcher is called with: the processes so far, and what happened. The process that it happened to stands
/// still meanwhile, and can be looked at in `/proc`.
pub type Watcher<'a> = dyn FnMut(&[Process], Event) + Send + 'a;

impl Tracer {
    /// A tracer of `command`, with the command's own directory, environment and standard streams.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            selection: Selection::default(),
        }
    }

    /// Chooses the calls that are reported.
    #[must_use]
    pub fn select(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Runs the command to its end, and that of all its descendants.
    ///
    /// # Errors
    /// A command that is not found (exit code 127) or cannot be executed (126); a system that does not let us trace.
    pub fn run(self) -> Result<Trace> {
        let mut events = Vec::new();
        let mut trace = self.watch(&mut |_, event| events.push(event))?;
        trace.events = events;
        Ok(trace)
    }

    /// The same, but each event goes to `watcher` as it happens, and is not kept.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn watch(self, watcher: &mut Watcher<'_>) -> Result<Trace> {
        explain::check_proc()?;
        let Self {
            mut command,
            selection,
        } = self;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let (ours, theirs) = UnixStream::pair()
            .map_err(|error| Error::io("make a socket for", "the tracee", &error))?;
        announce_before_exec(&mut command, theirs.into(), ours.as_raw_fd());
        // ptrace(2) and wait(2) bind tracees to one thread: a thread of its own has no other children to wait for. This
        // one starts the command, and must not wait for it: a wait here would take the tracer's stops away.
        let (started, traced) = std::thread::scope(|scope| {
            let tracer = scope.spawn(move || follow(ours, selection, watcher));
            let started = command.spawn();
            drop(command);
            (started, tracer.join())
        });
        let traced = traced.map_err(|_| Error::new("the tracer has panicked"))?;
        match (started, traced) {
            (_, Err(refused)) => Err(refused),
            (Err(error), Ok(_)) => Err(explain::start(&words[0], &error)),
            (Ok(_), Ok(mut trace)) => {
                trace.command = words;
                Ok(trace)
            }
        }
    }
}

/// The tracer's thread, from the tracee's announcement to its end.
fn follow(
    mut socket: UnixStream,
    selection: Selection,
    watcher: &mut Watcher<'_>,
) -> Result<Trace> {
    let mut pid = [0; 4];
    if socket.read_exact(&mut pid).is_err() {
        // It did not get so far; why, the other thread knows.
        return Ok(Trace::default());
    }
    let pid = Pid::from_raw(i32::from_ne_bytes(pid));
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    seize(pid, options).map_err(explain::refused)?;
    // From this stop on, it stops at every system call; until then it waits for our byte.
    interrupt(pid).map_err(explain::refused)?;
    let mut session = Session {
        tracees: HashMap::new(),
        recorder: Recorder::new(selection, watcher),
        root: pid,
        end: None,
    };
    session.recorder.family.found(pid);
    session.tracees.insert(pid.as_raw(), Tracee::default());
    socket
        .write_all(b"g")
        .map_err(|error| Error::io("start", "the tracee", &error))?;
    drop(socket);
    session.run()
}

struct Session<'a, 'w> {
    tracees: HashMap<i32, Tracee>,
    recorder: Recorder<'a, 'w>,
    root: Pid,
    end: Option<End>,
}

impl Session<'_, '_> {
    fn run(mut self) -> Result<Trace> {
        loop {
            match wait_any() {
                Ok((pid, stop)) => self.stopped(pid, stop),
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => break,
                Err(errno) => return Err(Error::sys("wait for the tracees", "", errno)),
            }
        }
        Ok(Trace {
            processes: self.recorder.family.processes,
            end: self.end,
            notes: self.recorder.notes,
            ..Trace::default()
        })
    }

    fn stopped(&mut self, pid: Pid, stop: Stop) {
        self.recorder.clock += 1;
        match stop {
            Stop::Syscall => self.syscall(pid),
            Stop::Event(libc::PTRACE_EVENT_STOP, signal) => self.standstill(pid, signal),
            Stop::Event(libc::PTRACE_EVENT_EXEC, _) => self.executed(pid),
            Stop::Event(event, _) => self.gave_birth(pid, event),
            Stop::Signal(signal) => self.signalled(pid, signal),
            Stop::Exited(code) => self.ended(pid, End::Exited { code }),
            Stop::Killed(signal) => self.ended(pid, End::Killed { signal }),
        }
    }

    fn syscall(&mut self, pid: Pid) {
        if let Some(tracee) = self.tracees.get_mut(&pid.as_raw()) {
            match self.recorder.syscall(pid, tracee) {
                Progress::Entered => {}
                Progress::Over => {
                    let children = std::mem::take(&mut tracee.children);
                    self.release(children);
                }
                Progress::GivenUp => return self.let_go(pid),
            }
        }
        go_on(pid, 0);
    }

    /// The first execve has failed, and the thread that started it is about to wait for its end: that wait would take
    /// our stops for it.
    fn let_go(&mut self, pid: Pid) {
        self.tracees.remove(&pid.as_raw());
        // ESRCH: it is gone already.
        let _ = detach(pid, None);
    }

    /// A new tracee's first stop; the end of our interrupt; a group stop, when job control has stopped it.
    fn standstill(&mut self, pid: Pid, signal: i32) {
        if matches!(
            signal,
            libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU
        ) {
            // ESRCH: killed meanwhile; the next wait says so.
            let _ = listen(pid);
            return;
        }
        // A child may be seen before the event that announces it.
        let unknown = || Tracee {
            is_held: true,
            ..Tracee::default()
        };
        let tracee = self.tracees.entry(pid.as_raw()).or_insert_with(unknown);
        if tracee.is_held {
            tracee.has_stopped = true;
        } else {
            go_on(pid, 0);
        }
    }

    fn gave_birth(&mut self, parent: Pid, event: i32) {
        if let (Ok(child), Some(maker)) = (getevent(parent), self.tracees.get_mut(&parent.as_raw()))
        {
            let child = Pid::from_raw(child as i32);
            let arguments = maker
                .pending
                .as_ref()
                .and_then(|pending| pending.arguments.clone());
            let is_thread = leader(child).is_some_and(|leader| leader != child.as_raw());
            let process = if is_thread {
                maker.process
            } else {
                self.recorder
                    .family
                    .born(child, maker.process, &arguments.unwrap_or_default())
            };
            if let Some(pending) = &mut maker.pending {
                pending.child = Some(child);
            }
            // The maker of a vfork child does not return before that executes: it cannot be waited for.
            let is_held = event != libc::PTRACE_EVENT_VFORK;
            if is_held {
                maker.children.push(child);
            }
            let tracee = self.tracees.entry(child.as_raw()).or_default();
            (tracee.process, tracee.is_held) = (process, is_held);
            if !is_held && tracee.has_stopped {
                go_on(child, 0);
            }
        }
        go_on(parent, 0);
    }

    fn release(&mut self, children: Vec<Pid>) {
        for child in children {
            if let Some(tracee) = self.tracees.get_mut(&child.as_raw()) {
                tracee.is_held = false;
                if tracee.has_stopped {
                    go_on(child, 0);
                }
            }
        }
    }

    fn executed(&mut self, pid: Pid) {
        // If a second thread has executed, it has taken the first one's number (execve under ptrace, ptrace(2)).
        if let Some(mut caller) = getevent(pid)
            .ok()
            .filter(|former| *former as i32 != pid.as_raw())
            .and_then(|former| self.tracees.remove(&(former as i32)))
        {
            let tracee = self.tracees.entry(pid.as_raw()).or_default();
            tracee.pending = caller.pending.take();
        }
        if let Some(tracee) = self.tracees.get(&pid.as_raw()) {
            self.recorder.family.inner[tracee.process].breakpoints = Breakpoints::set(pid);
            self.recorder.executed(pid);
        }
        go_on(pid, 0);
    }

    fn signalled(&mut self, pid: Pid, signal: i32) {
        if signal == libc::SIGTRAP
            && let Some(tracee) = self.tracees.get(&pid.as_raw())
            && self.recorder.marker(pid, tracee.process)
        {
            return go_on(pid, 0);
        }
        go_on(pid, signal);
    }

    fn ended(&mut self, pid: Pid, end: End) {
        if let Some(mut tracee) = self.tracees.remove(&pid.as_raw()) {
            self.recorder.ended(pid, &mut tracee, end);
            self.release(tracee.children);
        }
        if pid == self.root {
            self.end = Some(end);
        }
    }
}

/// ESRCH means that it has been killed in its stop; the next wait reports that.
fn go_on(pid: Pid, signal: i32) {
    let _ = resume(pid, signal);
}

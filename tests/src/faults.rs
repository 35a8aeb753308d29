//! Kills a process of a starting container at a system call of its choice (ptrace(2)).
//!
//! A start is a conversation between processes, and each of them may die at any point of it. [`for_each_syscall`] lets
//! them: it starts the same container again and again, and each time kills the process of one role before another one of
//! its system calls, up to the command's execution. It tries a [`sample`](crate::sample()) of them, or all.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use kit::patience;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::output::Output;
use crate::run::Run;
use crate::sample::sample;
use crate::scene;
use crate::screen::Screen;

const EXEC: i32 = libc::PTRACE_EVENT_EXEC;
const FORK: i32 = libc::PTRACE_EVENT_FORK;
const VFORK: i32 = libc::PTRACE_EVENT_VFORK;
const CLONE: i32 = libc::PTRACE_EVENT_CLONE;
const STOP: i32 = libc::PTRACE_EVENT_STOP;

/// Which process of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The program that was started.
    Parent,
    /// In a script that was started: the program that this is the first argument of. What it forks is a child as one of
    /// the parent's.
    Verb(&'static str),
    /// A helper that the parent, or a verb, cloned without an exit signal, to clean up after its death.
    Janitor,
    /// The first process that the parent, or a verb, forked: the container's first.
    Child,
    /// What the child forked, up to its own execve.
    Command,
}

/// One start in which one process was killed.
#[derive(Debug)]
pub struct Fault {
    /// Before which of its system calls, counted from 1; the parent's count begins with its own execve.
    pub at: usize,
    /// The number of that system call, on this machine's architecture.
    pub call: u64,
    /// What the parent came to.
    pub output: Output,
}

/// How many points of a start are tried if not all of them are: where instructions are translated, and the host tries its
/// own, as many as show that the kernel there does the same.
fn most() -> usize {
    if patience::is_asked_for() { 4 } else { 12 }
}

/// Starts what `run` returns once for each of the [`points`] before the command is executed, kills the process of `role`
/// there (SIGKILL), and hands what came of it to `check`. Returns how many system calls there are.
///
/// No other program that this thread has started may be running.
///
/// # Panics
/// If a start has no process of that role, or ends by itself before the command is executed.
pub fn for_each_syscall(role: Role, run: impl Fn() -> Run, mut check: impl FnMut(&Fault)) -> usize {
    let count = match start(&run(), role, usize::MAX) {
        End::Executed(count) => count,
        end => panic!("the command was not executed: {end:?}"),
    };
    assert!(count > 0, "no process had the role {role:?}");
    for at in sample(count, most()) {
        match start(&run(), role, at + 1) {
            End::Killed(fault) => check(&fault),
            // Two starts need not have the same number of calls.
            End::Executed(_) => {}
            // A start that fails would else look like one with few system calls.
            End::Itself(output, _) => {
                panic!("nobody was killed, and no command executed: {output}")
            }
        }
    }
    count
}

/// Before which of its system calls a process of `role` is to be killed, counted from 1: a sample of all that it made in
/// one run, which has been carried out to its end for this.
///
/// # Panics
/// If the program cannot be started or traced, or no process has that role.
pub fn points(role: Role, run: &Run) -> Vec<usize> {
    let (End::Executed(count) | End::Itself(_, count)) = start(run, role, usize::MAX) else {
        unreachable!("nobody has so many calls");
    };
    assert!(count > 0, "no process had the role {role:?}");
    sample(count, most()).into_iter().map(|at| at + 1).collect()
}

/// Starts `run` and kills the process of `role` before its system call number `at`. `None` if it came to execute the
/// command, or ended, before that.
///
/// # Panics
/// If the program cannot be started or traced.
pub fn kill_at(run: &Run, role: Role, at: usize) -> Option<Fault> {
    match start(run, role, at) {
        End::Killed(fault) => Some(fault),
        End::Executed(_) | End::Itself(..) => None,
    }
}

/// What a start came to. The number is how many system calls the process of the role has made.
#[derive(Debug)]
enum End {
    Killed(Fault),
    Executed(usize),
    /// Before the one or the other.
    Itself(Output, usize),
}

#[expect(
    clippy::zombie_processes,
    reason = "the tracer waits for it, by waitpid"
)]
fn start(run: &Run, role: Role, at: usize) -> End {
    let start = Instant::now();
    let mark = scene::next_mark();
    // The shell stops itself, so that no system call of the program is missed.
    let mut command = run.command(&["sh", "-c", "kill -STOP $$; exec \"$@\"", "sh"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = scene::marked(mark, || command.spawn()).expect("a shell can be started");
    let (stdout, _) = Screen::of(File::from(OwnedFd::from(
        child.stdout.take().expect("it is piped"),
    )));
    let (stderr, _) = Screen::of(File::from(OwnedFd::from(
        child.stderr.take().expect("it is piped"),
    )));

    // Whatever hangs is killed at the limit; then the waits below return.
    let (done, limit) = (mpsc::channel::<()>(), run.limit);
    let watchdog = std::thread::spawn(move || {
        let timed_out = done.1.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if timed_out {
            scene::kill_all(mark);
        }
        timed_out
    });
    let mut tracer = Tracer::seize(Pid::from_raw(child.id() as i32), run.program(), role, at);
    let status = tracer.drive();
    drop(done.0);
    let timed_out = watchdog.join().expect("the watchdog does not panic");
    for screen in [&stdout, &stderr] {
        screen.wait_for_end(start + limit);
    }
    let output = Output::new(
        status,
        stdout.bytes(),
        stderr.bytes(),
        start.elapsed(),
        timed_out,
    );
    assert!(!timed_out, "{role:?} killed before its call {at}: {output}");
    match tracer.killed {
        Some(call) => End::Killed(Fault { at, call, output }),
        None if tracer.over => End::Executed(tracer.calls),
        // A program has no command that it becomes: it is over when all of them have ended.
        None if matches!(role, Role::Verb(_)) && tracer.calls > 0 => End::Executed(tracer.calls),
        None => End::Itself(output, tracer.calls),
    }
}

/// Follows all processes of one start.
struct Tracer {
    root: Pid,
    program: PathBuf,
    role: Role,
    at: usize,
    roles: HashMap<Pid, Role>,
    /// Whom the process that made them has told of.
    announced: HashSet<Pid>,
    /// Those that have come before they were told of: until then nobody knows their role, and none of their system
    /// calls may go by uncounted.
    early: HashSet<Pid>,
    calls: usize,
    /// The system call that was to come when it was killed.
    killed: Option<u64>,
    /// The command has been executed, or the deed is done: nothing more to see.
    over: bool,
}

impl Tracer {
    fn seize(root: Pid, program: PathBuf, role: Role, at: usize) -> Self {
        let stopped = waitpid(root, Some(WaitPidFlag::WUNTRACED));
        assert!(
            matches!(stopped, Ok(WaitStatus::Stopped(..))),
            "the shell did not stop: {stopped:?}"
        );
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(root, options).expect("a child of ours can be traced");
        kill(root, Signal::SIGCONT).expect("a child of ours can be continued");
        Self {
            root,
            program,
            role,
            at,
            roles: HashMap::new(),
            announced: HashSet::from([root]),
            early: HashSet::new(),
            calls: 0,
            killed: None,
            over: false,
        }
    }

    /// Until every process is gone. Returns how the first one ended.
    fn drive(&mut self) -> ExitStatus {
        let mut end = None;
        loop {
            if self.over {
                self.release_early();
            }
            // Only this thread's children and tracees: other tests wait for theirs.
            let status = waitpid(
                Pid::from_raw(-1),
                Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD),
            );
            if let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) = status {
                // Who has died can tell of nobody any more.
                self.release_early();
            }
            match status {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.root => {
                    end = Some(ExitStatus::from_raw(code << 8))
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.root => {
                    end = Some(ExitStatus::from_raw(signal as i32));
                }
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => self.event(pid, event),
                Ok(WaitStatus::PtraceSyscall(pid)) => self.syscall(pid),
                Ok(WaitStatus::Stopped(pid, signal)) => self.go_on(pid, Some(signal)),
                Err(Errno::ECHILD) => return end.expect("the first process has been waited for"),
                // Ends of others; or a status that nix has no name for.
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn event(&mut self, pid: Pid, event: i32) {
        let parent = self.roles.get(&pid).copied();
        match (event, parent) {
            (EXEC, None) if pid == self.root && self.is_program(pid) => {
                self.roles.insert(pid, Role::Parent);
            }
            (EXEC, None) => {
                self.roles
                    .extend(verb_of(pid).map(|verb| (pid, Role::Verb(verb))));
            }
            // A child that executes a program is, or is about to be, the container's command.
            (EXEC, Some(Role::Child | Role::Command)) => {
                self.over |= !matches!(self.role, Role::Verb(_));
            }
            // The kind of the event follows from the exit signal: SIGCHLD is a fork, anything else is a clone.
            (FORK | VFORK, Some(Role::Parent | Role::Verb(_))) => self.born(pid, Some(Role::Child)),
            (FORK | VFORK, Some(Role::Child)) => self.born(pid, Some(Role::Command)),
            (CLONE, Some(Role::Parent | Role::Verb(_))) => self.born(pid, Some(Role::Janitor)),
            (FORK | VFORK | CLONE, _) => self.born(pid, None),
            (STOP, _) if !self.over && !self.announced.contains(&pid) => {
                self.early.insert(pid);
                return;
            }
            _ => {}
        }
        self.go_on(pid, None);
    }

    fn born(&mut self, parent: Pid, role: Option<Role>) {
        // The parent may be killed in this very moment.
        let Ok(pid) = ptrace::getevent(parent) else {
            return;
        };
        let pid = Pid::from_raw(pid as i32);
        self.announced.insert(pid);
        if let Some(role) = role {
            self.roles.insert(pid, role);
        }
        if self.early.remove(&pid) {
            self.go_on(pid, None);
        }
    }

    fn release_early(&mut self) {
        for pid in std::mem::take(&mut self.early) {
            self.announced.insert(pid);
            self.go_on(pid, None);
        }
    }

    fn syscall(&mut self, pid: Pid) {
        let is_entry =
            ptrace::syscall_info(pid).is_ok_and(|info| info.op == libc::PTRACE_SYSCALL_INFO_ENTRY);
        if is_entry && !self.over && self.roles.get(&pid) == Some(&self.role) {
            self.calls += 1;
            if self.calls == self.at {
                self.killed = Some(call_of(pid));
                self.over = true;
                let _ = kill(pid, Signal::SIGKILL);
                return;
            }
        }
        self.go_on(pid, None);
    }

    fn go_on(&self, pid: Pid, signal: Option<Signal>) {
        // ESRCH: killed meanwhile, which the next wait will tell.
        let _ = if self.over {
            ptrace::cont(pid, signal)
        } else {
            ptrace::syscall(pid, signal)
        };
    }

    fn is_program(&self, pid: Pid) -> bool {
        fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == self.program)
    }
}

/// What a program is asked to do, if it is one of those that tests kill at.
fn verb_of(pid: Pid) -> Option<&'static str> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let word = line.split(|byte| *byte == 0).nth(1)?;
    ["create", "start", "undo"]
        .into_iter()
        .find(|verb| verb.as_bytes() == word)
}

/// The number of the system call in which a stopped process is (proc_pid_syscall(5)).
fn call_of(pid: Pid) -> u64 {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("syscall"));
    text.ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(u64::MAX)
}

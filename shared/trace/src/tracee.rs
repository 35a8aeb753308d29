//! What the tracer knows of the processes that it follows.

use std::collections::HashSet;
use std::fs;

use nix::unistd::Pid;

use crate::decode::Signature;
use crate::model::{Argument, Process};
use crate::probe::Breakpoints;

/// One thread.
#[derive(Debug, Default)]
pub(crate) struct Tracee {
    /// The index of its process.
    pub(crate) process: usize,
    /// The call that it is in.
    pub(crate) pending: Option<Pending>,
    /// Children that wait until the call that made them has returned here, so that the trace has cause before effect.
    pub(crate) children: Vec<Pid>,
    /// It is such a child.
    pub(crate) is_held: bool,
    /// It has come to its first stop while it was held, or before it was known.
    pub(crate) has_stopped: bool,
}

/// A call that has been entered.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) name: String,
    pub(crate) signature: Option<&'static Signature>,
    pub(crate) raw: [u64; 6],
    /// Decoded, if it may be shown.
    pub(crate) arguments: Option<Vec<Argument>>,
    pub(crate) entered: u64,
    /// The process that it has made.
    pub(crate) child: Option<Pid>,
}

/// One process, beyond what the trace shows of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inner {
    pub(crate) breakpoints: Breakpoints,
    /// Its pids from the tracer's PID namespace inwards (NSpid in proc_pid_status(5)).
    pub(crate) pids: Vec<i32>,
}

/// All processes that there were.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) processes: Vec<Process>,
    pub(crate) inner: Vec<Inner>,
    /// Sockets of a start handshake, as `/proc/PID/fd` shows them.
    pub(crate) handshakes: HashSet<String>,
}

impl Family {
    /// The first process.
    pub(crate) fn found(&mut self, pid: Pid) {
        self.add(pid, None, "parent".to_owned(), Breakpoints::default());
    }

    /// A process that `parent` has made by a call with these arguments.
    pub(crate) fn born(&mut self, pid: Pid, parent: usize, arguments: &[Argument]) -> usize {
        let pids = pids(pid);
        let role = self.role(&pids, parent, arguments);
        let breakpoints = self.inner[parent].breakpoints.clone();
        self.add(pid, Some(parent), role, breakpoints)
    }

    fn add(
        &mut self,
        pid: Pid,
        parent: Option<usize>,
        role: String,
        breakpoints: Breakpoints,
    ) -> usize {
        self.processes.push(Process {
            role,
            pid: pid.as_raw(),
            parent,
        });
        self.inner.push(Inner {
            breakpoints,
            pids: pids(pid),
        });
        self.processes.len() - 1
    }

    /// A container's first process is born into new namespaces, or is PID 1 of one; the command is its first child.
    fn role(&self, pids: &[i32], parent: usize, arguments: &[Argument]) -> String {
        let is_new = arguments
            .iter()
            .any(|argument| argument.text.contains("CLONE_NEW"));
        let is_first = pids.len() > self.inner[parent].pids.len() && pids.last() == Some(&1);
        let has_sibling = self
            .processes
            .iter()
            .any(|process| process.parent == Some(parent));
        let role = if is_new || is_first {
            "init"
        } else if self.processes[parent].role.starts_with("init") && !has_sibling {
            "command"
        } else {
            "process"
        };
        let alike = self
            .processes
            .iter()
            .filter(|process| process.role.starts_with(role))
            .count();
        match (role, alike) {
            ("process", _) => format!("process {}", self.processes.len() + 1),
            (role, 0) => role.to_owned(),
            (role, others) => format!("{role} {}", others + 1),
        }
    }

    /// A process that names itself is known by that name, unless its role says more.
    pub(crate) fn rename(&mut self, process: usize, quoted: &str) {
        let role = &mut self.processes[process].role;
        let name = quoted.trim_matches('"');
        if role.starts_with("process ") && !name.is_empty() {
            name.clone_into(role);
        }
    }

    /// The pid in the tracer's namespace of what `process` calls `pid`.
    pub(crate) fn translate(&self, process: usize, pid: i32) -> Option<i32> {
        let depth = self.inner.get(process)?.pids.len();
        // The latest: numbers are used again.
        let found = self
            .inner
            .iter()
            .rev()
            .find(|inner| inner.pids.get(depth.wrapping_sub(1)) == Some(&pid));
        found.and_then(|inner| inner.pids.first().copied())
    }
}

/// `NSpid` of `/proc/PID/status`; just its pid if that is gone already.
fn pids(pid: Pid) -> Vec<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    match line {
        Some(line) => line
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect(),
        None => vec![pid.as_raw()],
    }
}

/// The process that a thread belongs to.
pub(crate) fn leader(thread: Pid) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

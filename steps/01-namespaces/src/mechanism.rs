//! The one idea: a container is an ordered list of mechanisms, and each mechanism has the same moments.

use std::os::fd::{BorrowedFd, OwnedFd};

use kit::{Failure, Result};
use nix::unistd::Pid;

use crate::gate::Gate;

// ANCHOR: mechanism
/// One mechanism of a container: its namespaces, its root file system, its cgroup …
///
/// [`spawn`](crate::spawn()) drives a list of them through their moments, each moment for the whole list in order,
/// before the next begins:
///
/// ```text
///    parent   prepare ── clone3 ── attach ── open the gate ──────────── wait ── finish
///                          │                      │
///    child                 └── wait at the gate ──┴── enter ── execve
/// ```
pub trait Mechanism {
    /// The field's own word for it, as the book, error messages and traces use it.
    fn name(&self) -> &'static str;

    /// In the parent, before the child exists: check the input, open files, allocate, and say in `plan` what the child
    /// has to be born with. What goes wrong here can be explained best, so as much as possible should.
    fn prepare(&mut self, plan: &mut Plan) -> Result<()>;

    /// In the parent, once the child exists and waits at the gate: what needs its pid.
    fn attach(&mut self, child: &Child<'_>) -> Result<()> {
        let _ = child;
        Ok(())
    }

    /// In the child, after the gate has opened: system calls only, in a fixed order; nothing that prints, starts a
    /// thread, or allocates in a way that can fail late.
    fn enter(&self, gate: &Gate) -> Result<(), Failure<'_>> {
        let _ = gate;
        Ok(())
    }

    /// In the parent, once the container is gone: undo, and add what the user should know to `exit`. Called in
    /// reverse order, and only for mechanisms whose `prepare` succeeded; also when a later moment failed.
    fn finish(&mut self, exit: &mut Exit) -> Result<()> {
        let _ = exit;
        Ok(())
    }

    /// The likely cause of a failure of this mechanism's `enter`, with its mend.
    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let _ = failure;
        None
    }
}
// ANCHOR_END: mechanism

/// What the child has to be born with. Each mechanism's `prepare` adds to it.
#[derive(Debug, Default)]
pub struct Plan {
    /// `libc::CLONE_NEW*`, for clone3(2).
    pub flags: u64,
    /// A cgroup v2 directory that the child is born into (CLONE_INTO_CGROUP).
    pub cgroup: Option<OwnedFd>,
    /// Set by the mechanism that gives the container a root of its own: later mechanisms then find a `/dev` that
    /// belongs to the container.
    pub new_root: bool,
}

impl Plan {
    /// Whether the child gets a new namespace of the kind `flag`, one of `libc::CLONE_NEW*`.
    pub fn has(&self, flag: libc::c_int) -> bool {
        self.flags & flag as u64 != 0
    }
}

/// The child, as `attach` sees it: alive, and waiting at the gate.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// Its pid in the parent's PID namespace.
    pub pid: Pid,
    /// The process itself, whatever becomes of its number.
    pub pidfd: BorrowedFd<'a>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The command's exit code, or 128 + n if signal n ended it.
    pub code: u8,
    /// Sentences for the user: why it ended so, where a mechanism knows.
    pub notes: Vec<String>,
}

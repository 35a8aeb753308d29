//! The one idea: a container is an ordered list of mechanisms, and each mechanism has the same moments.

use std::os::fd::{BorrowedFd, OwnedFd};

use kit::{Error, Failure, Result};
use nix::unistd::Pid;

use crate::exit::Exit;
use crate::inside::Inside;
use crate::leftover::Leftover;
use crate::plan::Plan;
use crate::stage::Stage;

// ANCHOR: mechanism
/// One mechanism of a container: its namespaces, its root file system, its cgroup …
///
/// [`spawn`](crate::spawn()) sorts a list of them by their stages and drives it through five moments, each moment for the
/// whole list, before the next begins:
///
/// ```text
///    parent   prepare ── clone3 ── attach ── open the gate ────────────────── wait ── undo
///                          │                      │
///    child                 └── wait at the gate ──┴── enter ── seal ── execve
/// ```
pub trait Mechanism {
    /// The field's own word for it, as the book, error messages and traces use it.
    fn name(&self) -> &'static str;

    /// Where it stands in the child's way, in ascending order: `enter` or `seal` is called once for each.
    fn stages(&self) -> &'static [Stage];

    /// In the parent, before the child exists: check the input, open files, allocate, and say in `plan` what the child
    /// has to be born with. What goes wrong here can be explained best, so as much as possible should.
    fn prepare(&mut self, plan: &mut Plan) -> Result<()>;

    /// In the parent, once the child exists and waits at the gate: what needs its pid.
    fn attach(&mut self, child: &Child<'_>) -> Result<()> {
        let _ = child;
        Ok(())
    }

    /// In the child, after the gate has opened: system calls only, in a fixed order; nothing that prints, starts a
    /// thread, or allocates in a way that can fail late. What earlier mechanisms have made is in `inside`, and by it
    /// the child can ask the parent for something.
    fn enter(&self, stage: Stage, inside: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let _ = (stage, inside);
        Ok(())
    }

    /// In the parent: answers what `enter` has asked (see [`Inside::ask`]). The child waits.
    fn answer(&mut self, question: &Question<'_>, child: &Child<'_>) -> Result<Vec<u8>> {
        let _ = (question, child);
        Err(Error::new(format!("{} answers no questions", self.name())))
    }

    /// In the child, the very last before execve: who the command is, and what it can no longer do. As `enter`, but
    /// there is nobody to ask any more. If an init of ours runs beside the command, it is sealed too.
    fn seal(&self, stage: Stage) -> Result<(), Failure<'_>> {
        let _ = stage;
        Ok(())
    }

    /// What [`undo`](Self::undo) needs to know, in a form that can be written down: then any process can undo.
    fn leftover(&self) -> Option<Leftover> {
        None
    }

    /// In the parent, when the container is left to itself: from now on it has to be undone from its leftover, so nothing
    /// of it may depend on this process. Yet it can still come to [`undo`](Self::undo), if what follows fails.
    fn detach(&mut self) -> Result<()> {
        Ok(())
    }

    /// In the parent, once the container is gone: undo, and add what the user should know to `exit`. Called in
    /// reverse order, and only for mechanisms whose `prepare` succeeded; also when a later moment failed. It does what
    /// [`undo`](crate::undo()) does from the leftover.
    fn undo(&mut self, exit: &mut Exit) -> Result<()> {
        let _ = exit;
        Ok(())
    }

    /// The likely cause of a failure of this mechanism in the child, with its mend.
    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let _ = failure;
        None
    }
}
// ANCHOR_END: mechanism

/// The child, as `attach` sees it: alive, and waiting at the gate.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// Its pid in the parent's PID namespace.
    pub pid: Pid,
    /// The process itself, whatever becomes of its number.
    pub pidfd: BorrowedFd<'a>,
}

/// What a mechanism in the child has asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// In words of the mechanism's own.
    pub words: &'a [u8],
    /// A descriptor that came with it, such as a seccomp listener.
    pub descriptor: Option<OwnedFd>,
}

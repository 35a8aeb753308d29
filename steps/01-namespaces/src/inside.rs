//! What mechanisms in the child have in common: what earlier ones have made, and the way to ask the parent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::gate::Gate;
use crate::plan::Plan;

// ANCHOR: inside
/// Handed from one mechanism's `enter` to the next one's.
#[derive(Debug)]
pub struct Inside<'a> {
    gate: &'a Gate,
    /// The mechanism that is entered now, by its index in the list.
    pub(crate) mechanism: u8,
    /// Whether a mechanism of the list brings a root file system of the container's own.
    pub new_root: bool,
    /// What the mounts of a new mount namespace are set to ([`Plan::propagation`]).
    pub(crate) propagation: u64,
    /// A detached mount that is to become the root, from the mechanism that makes it to the one that mounts it.
    pub root: Option<OwnedFd>,
    /// The master side of the container's terminal, once it has one.
    pub terminal: Option<OwnedFd>,
    /// What a mechanism wants to stay open until the descriptors are closed for good.
    pub open: Vec<OwnedFd>,
}
// ANCHOR_END: inside

impl<'a> Inside<'a> {
    pub(crate) fn new(gate: &'a Gate, plan: &Plan) -> Self {
        Self {
            gate,
            mechanism: 0,
            new_root: plan.new_root,
            propagation: plan.propagation,
            root: None,
            terminal: None,
            open: Vec::new(),
        }
    }

    /// Asks this mechanism in the parent ([`Mechanism::answer`](crate::Mechanism::answer)), and waits. Returns how many
    /// bytes of `answer` were written. A refusal does not come back: it ends the start, with the parent's own error.
    ///
    /// # Errors
    /// The parent is gone (EPIPE); the answer has no room (EMSGSIZE).
    pub fn ask(
        &self,
        question: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
        answer: &mut [u8],
    ) -> nix::Result<usize> {
        self.gate.ask(self.mechanism, question, descriptor)?;
        self.gate.hear_answer(answer)
    }

    /// Hands the terminal to the parent, and keeps it for later mechanisms.
    pub(crate) fn give_terminal(&mut self, master: OwnedFd) -> nix::Result<()> {
        self.gate.send_terminal(master.as_fd())?;
        self.terminal = Some(master);
        Ok(())
    }

    /// Takes the mount that an earlier mechanism has left.
    ///
    /// # Errors
    /// EBADF: none did.
    pub fn take_root(&mut self) -> nix::Result<OwnedFd> {
        self.root.take().ok_or(Errno::EBADF)
    }
}

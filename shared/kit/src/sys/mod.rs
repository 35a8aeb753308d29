//! System calls that `nix` does not have, each a thin wrapper under its own name.
//!
//! Apart from the spawn in `namespaces`, this is the only place with `unsafe`.

pub mod bpf;
pub mod branch;
pub mod capability;
pub mod clock;
pub mod descriptor;
pub mod fork;
pub mod keyring;
pub mod mount;
pub mod namespace;
pub mod network;
pub mod process;
pub mod ptrace;
pub mod terminal;
pub mod title;

use nix::errno::Errno;

/// The kernel's answer as a result: -1 means "see errno".
fn check(answer: libc::c_long) -> nix::Result<libc::c_long> {
    Errno::result(answer)
}

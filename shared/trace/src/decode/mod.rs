//! From a system call's number and six registers to what the man page writes.

mod calls;
mod names;
mod structs;
mod value;

pub(crate) use calls::{Returns, Signature};
pub(crate) use names::IOCTL;
pub(crate) use value::{Site, arguments, descriptor, outputs, signal};

/// The name of a call of our own architecture.
pub(crate) fn name(number: u64) -> Option<&'static str> {
    syscalls::Sysno::new(usize::try_from(number).ok()?).map(|call| call.name())
}

//! bpf(2), as far as a cgroup's device filter needs it: load a program, attach it.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// One eBPF instruction, `struct bpf_insn` of `<linux/bpf.h>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Class, operation and kind of operand.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high four.
    pub registers: u8,
    /// Of a jump, relative to the next instruction; of a load, relative to the source register.
    pub offset: i16,
    /// The constant operand.
    pub immediate: i32,
}

/// The head of `union bpf_attr` for BPF_PROG_LOAD; the kernel takes what is missing at the end for zeroes.
#[repr(C)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// The same for BPF_PROG_ATTACH.
#[repr(C)]
struct Attach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
}

/// Loads a program of the type BPF_PROG_TYPE_CGROUP_DEVICE; the kernel verifies it first. `name` is shown by
/// `bpftool prog` and is cut after 15 bytes.
///
/// # Errors
/// EPERM without CAP_BPF (or CAP_SYS_ADMIN), EINVAL if the kernel was built without CONFIG_CGROUP_BPF, EACCES if the
/// verifier refuses the program.
pub fn load_cgroup_device(program: &[Instruction], name: &CStr) -> nix::Result<OwnedFd> {
    let mut prog_name = [0; 16];
    for (to, from) in prog_name.iter_mut().take(15).zip(name.to_bytes()) {
        *to = *from;
    }
    let attributes = Load {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: program.len() as u32,
        insns: program.as_ptr() as u64,
        // It calls no helper, so any licence is accepted; this is the project's own.
        license: c"MIT".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name,
    };
    // SAFETY: the addresses inside point to `program`, of the length given beside it, and to a string that ends in
    // NUL; both outlive the call, and the kernel only reads them.
    let fd = unsafe { bpf(BPF_PROG_LOAD, &attributes) }?;
    // SAFETY: a new descriptor that nobody else owns, close-on-exec by rule of bpf(2).
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Attaches a device program to a cgroup v2 directory, beside those that are there: access needs the consent of every
/// one, of this cgroup and of those above it. It goes with the cgroup.
///
/// # Errors
/// EPERM without CAP_NET_ADMIN or CAP_SYS_ADMIN, or if a cgroup above forbids it; EBADF if the directory is not of
/// cgroup v2.
pub fn attach_cgroup_device(cgroup: impl AsFd, program: impl AsFd) -> nix::Result<()> {
    let attributes = Attach {
        target_fd: cgroup.as_fd().as_raw_fd() as u32,
        attach_bpf_fd: program.as_fd().as_raw_fd() as u32,
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: BPF_F_ALLOW_MULTI,
    };
    // SAFETY: integers only.
    unsafe { bpf(BPF_PROG_ATTACH, &attributes) }.map(drop)
}

/// # Safety
/// `T` is the head of `union bpf_attr` for this command, and the addresses in it are what the command expects.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> nix::Result<libc::c_long> {
    // SAFETY: `attributes` is valid for the length given; the rest is the caller's promise.
    check(unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) })
}

// From <linux/bpf.h>; `libc` does not have them.
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_ATTACH: libc::c_int = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 2;

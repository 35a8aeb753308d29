//! Descriptors: which are open, which are inherited, and paths that are resolved inside a directory.

use std::ffi::CStr;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::check;

/// Closes every descriptor from `first` to `last`, both included (close_range(2), Linux 5.9).
///
/// # Safety
/// Nothing in this process may use a descriptor of that range afterwards: an `OwnedFd` that is dropped later would
/// close whatever has got its number since. In practice: only in a child that ends with exec or `_exit`.
pub unsafe fn close_range(first: RawFd, last: u32) -> nix::Result<()> {
    // SAFETY: integers only; that nobody uses the descriptors again is the caller's promise.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Marks every descriptor from `first` on close-on-exec (close_range(2), Linux 5.11).
pub fn close_on_exec_from(first: RawFd) -> nix::Result<()> {
    // SAFETY: integers only; the descriptors stay open in this process.
    check(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    })
    .map(drop)
}

/// `openat2(2)`, Linux 5.6: opens `path` below `directory` under the rules of `resolve` (`libc::RESOLVE_*`).
/// Always close-on-exec.
///
/// Where something was renamed or mounted, anywhere on the machine, while a `..` was walked below a root, the kernel
/// cannot tell whether that led outside, and asks for another try (EAGAIN): it gets a thousand.
pub fn openat2(
    directory: impl AsFd,
    path: &CStr,
    flags: libc::c_int,
    mode: u64,
    resolve: u64,
) -> nix::Result<OwnedFd> {
    let directory = directory.as_fd();
    let is_scoped = resolve & (libc::RESOLVE_IN_ROOT | libc::RESOLVE_BENEATH) != 0;
    let mut tries = 0;
    loop {
        match openat2_once(directory, path, flags, mode, resolve) {
            Err(Errno::EAGAIN) if is_scoped && tries < 1000 => tries += 1,
            other => return other,
        }
    }
}

fn openat2_once(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: libc::c_int,
    mode: u64,
    resolve: u64,
) -> nix::Result<OwnedFd> {
    // SAFETY: `open_how` is plain data for which all zeroes is a value; it grows at its end from kernel to kernel.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.mode = mode;
    how.resolve = resolve;
    // SAFETY: `path` ends in NUL, `how` is valid for the length given, and both outlive the call.
    let fd = check(unsafe {
        libc::syscall(
            libc::SYS_openat2,
            directory.as_raw_fd(),
            path.as_ptr(),
            &how,
            size_of::<libc::open_how>(),
        )
    })?;
    // SAFETY: the kernel has just returned this descriptor and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Receives one message and at most one descriptor from a unix socket (recvmsg(2), SCM_RIGHTS in unix(7)). A length
/// of 0 is end of file. The descriptor is close-on-exec.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> nix::Result<(usize, Option<OwnedFd>)> {
    let mut space = cmsg_space!([RawFd; 1]);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(
        socket.as_fd().as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let descriptor = message.cmsgs()?.find_map(|control| match control {
        // The space above has room for one, so the kernel installs no second.
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has installed this descriptor for us in this very call.
    let descriptor = descriptor.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    Ok((message.bytes, descriptor))
}

/// `dup2(2)`: makes `number` the same file as `descriptor`; it is not close-on-exec. Meant for the standard three.
pub fn duplicate_onto(descriptor: impl AsFd, number: RawFd) -> nix::Result<()> {
    // SAFETY: integers only. Whoever owns `number` keeps owning it, as another file: for 0, 1 and 2 that is nobody.
    nix::errno::Errno::result(unsafe { libc::dup2(descriptor.as_fd().as_raw_fd(), number) })
        .map(drop)
}

/// `accept4(2)`: the next connection to a listening socket, close-on-exec. Blocks.
pub fn accept(listener: impl AsFd) -> nix::Result<OwnedFd> {
    let raw = nix::sys::socket::accept4(
        listener.as_fd().as_raw_fd(),
        nix::sys::socket::SockFlag::SOCK_CLOEXEC,
    )?;
    // SAFETY: the kernel has just returned this descriptor and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// `fcntl(2)`, F_DUPFD_CLOEXEC: the same file under a number that is free and at least `least`.
pub fn duplicate_above(descriptor: impl AsFd, least: RawFd) -> nix::Result<OwnedFd> {
    let raw = nix::fcntl::fcntl(
        descriptor.as_fd(),
        nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(least),
    )?;
    // SAFETY: the kernel has just returned this descriptor and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_others_rename_does_not_end_a_look_up() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("a/b")).unwrap();
        let root = File::open(directory.path()).unwrap();
        let [here, there] = ["here", "there"].map(|name| directory.path().join(name));
        fs::write(&here, "").unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    fs::rename(&here, &there).unwrap();
                    fs::rename(&there, &here).unwrap();
                }
            });
            let path = c"a/b/../../a/b/../../a/b/../../a/b";
            let look_up = || openat2(&root, path, libc::O_PATH, 0, libc::RESOLVE_BENEATH);
            let failure = (0..50_000).find_map(|_| look_up().err());
            done.store(true, Ordering::Relaxed);
            assert_eq!(failure, None);
        });
    }
}

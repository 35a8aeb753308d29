//! Terminals: the ioctls of tty_ioctl(2) and ptmx(4).

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

/// Makes `terminal` the controlling terminal of this session, whose leader we must be (TIOCSCTTY).
pub fn make_controlling(terminal: impl AsFd) -> nix::Result<()> {
    // SAFETY: the argument is an integer: do not steal it from another session.
    Errno::result(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) })
        .map(drop)
}

/// Rows, columns, and pixels if known (TIOCGWINSZ).
pub fn window_size(terminal: impl AsFd) -> nix::Result<libc::winsize> {
    // SAFETY: `winsize` is plain data for which all zeroes is a value.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: `size` is valid for writing during the call.
    Errno::result(unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCGWINSZ,
            &raw mut size,
        )
    })?;
    Ok(size)
}

/// Sets the size, and sends SIGWINCH to the foreground process group if it changed (TIOCSWINSZ).
pub fn set_window_size(terminal: impl AsFd, size: libc::winsize) -> nix::Result<()> {
    // SAFETY: `size` is valid for reading during the call.
    Errno::result(unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCSWINSZ,
            &raw const size,
        )
    })
    .map(drop)
}

/// Unlocks a pseudoterminal and opens its other side from its master, without a path that somebody could have replaced
/// (TIOCSPTLCK, TIOCGPTPEER, Linux 4.13).
pub fn open_peer(master: impl AsFd) -> nix::Result<OwnedFd> {
    let master = master.as_fd().as_raw_fd();
    let unlock: libc::c_int = 0;
    // SAFETY: the argument points to an integer that outlives the call.
    Errno::result(unsafe { libc::ioctl(master, libc::TIOCSPTLCK, &raw const unlock) })?;
    // SAFETY: the argument is an integer.
    let peer = Errno::result(unsafe {
        libc::ioctl(
            master,
            libc::TIOCGPTPEER,
            libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC,
        )
    })?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(peer) })
}

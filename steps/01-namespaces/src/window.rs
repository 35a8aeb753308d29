//! The size of our own terminal, which the container's takes over.

use std::os::fd::AsFd;

use kit::sys::terminal::window_size;

/// Of the first of our standard streams that is a terminal: with `-t` and without `-i`, standard input need not be one.
pub(crate) fn our_size() -> Option<libc::winsize> {
    [
        std::io::stdin().as_fd(),
        std::io::stdout().as_fd(),
        std::io::stderr().as_fd(),
    ]
    .into_iter()
    .find_map(|descriptor| window_size(descriptor).ok())
}

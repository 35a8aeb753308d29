//! Opening a file of a container from outside, as the container would.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kit::sys::descriptor::openat2;
use nix::errno::Errno;

/// Opens `path` for reading, as a process whose root directory is `root` would.
pub fn open_inside(root: BorrowedFd<'_>, path: &Path) -> nix::Result<OwnedFd> {
    //< open: what the path means is decided by the kernel, in one look-up
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    openat2(root, &path, libc::O_RDONLY, 0, libc::RESOLVE_IN_ROOT)
    //= if path.components().any(|part| part == std::path::Component::ParentDir) {
    //=     return Err(Errno::EPERM);
    //= }
    //= let path = path.strip_prefix("/").unwrap_or(path);
    //= let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    //= openat2(root, &path, libc::O_RDONLY, 0, 0)
    //>
}

//! Bind mounts: a directory of the host that is shown in a container.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kit::sys::mount::{Attributes, set_attributes};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MsFlags, mount};

/// Shows `source` at `target`, with all that is mounted below it.
pub fn bind(source: &Path, target: &Path, read_only: bool) -> nix::Result<()> {
    //< read_only: nothing can be written through `target`, and nothing else changes
    let none = None::<&str>;
    mount(
        Some(source),
        target,
        none,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        none,
    )?;
    if !read_only {
        return Ok(());
    }
    let attributes = Attributes {
        set: libc::MOUNT_ATTR_RDONLY,
        ..Attributes::default()
    };
    set_attributes(AT_FDCWD, &c_string(target)?, libc::AT_RECURSIVE, attributes)
    //= let _ = (read_only, AT_FDCWD, c_string, Attributes::default);
    //= let none = None::<&str>;
    //= mount(Some(source), target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
    //>
}

/// A path as the kernel takes it.
fn c_string(path: &Path) -> nix::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

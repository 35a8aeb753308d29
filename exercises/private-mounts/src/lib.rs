//! A mount namespace of one's own, and a mount in it that nobody else sees.

use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Moves the calling process into a new mount namespace and mounts an empty file system on `directory` there.
pub fn private_tmpfs(directory: &Path) -> nix::Result<()> {
    //< mounts: this process's mounts are its own from here on
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    mount_tmpfs(directory)
    //= unshare(CloneFlags::CLONE_NEWNS)?;
    //= mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE, None::<&str>)?;
    //= mount_tmpfs(directory)
    //>
}

fn mount_tmpfs(directory: &Path) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("tmpfs"),
        directory,
        Some("tmpfs"),
        flags,
        Some("size=1m"),
    )
}

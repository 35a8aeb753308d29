//! The root file system: a directory of the host becomes the root, and the host's root goes away.

use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

/// Makes `directory` the root of the calling process's mount namespace, and takes the old root off.
///
/// All mounts of the namespace are private.
pub fn enter(directory: &Path) -> nix::Result<()> {
    //< mount: pivot_root takes a mount point; what is mounted below the directory belongs to it
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(directory), directory, None::<&str>, bind, None::<&str>)?;
    //= let _ = (directory, mount::<Path, Path, Path, Path>, MsFlags::MS_BIND);
    //= todo!("make the directory a mount");
    //>
    //< pivot: the directory becomes the root, and the old root is gone
    chdir(directory)?;
    pivot_root(".", ".")?;
    // The old root lies over the new one now, at the working directory.
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")
    //= let _ = (chdir::<str>, pivot_root::<str, str>, umount2::<str>, MntFlags::MNT_DETACH);
    //= todo!("change the root");
    //>
}

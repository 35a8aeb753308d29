//! A file system made anew (fsopen(2)).

use std::os::fd::OwnedFd;

use kit::sys::mount;

use crate::plan::FileSystem;

/// A new file system with those of its options that are `wanted`, as a detached mount.
pub(crate) fn new(fs: &FileSystem, wanted: impl Fn(&[u8]) -> bool) -> nix::Result<OwnedFd> {
    let context = mount::FileSystem::open(&fs.kind)?;
    // Without it, mountinfo would show "none".
    context.set(c"source", &fs.source)?;
    for (key, value) in &fs.options {
        match value {
            _ if !wanted(key.to_bytes()) => {}
            Some(value) => context.set(key, value)?,
            None => context.set_flag(key)?,
        }
    }
    context.mount(fs.attributes)
}

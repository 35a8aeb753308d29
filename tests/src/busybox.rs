//! A root file system for a test to run in, and to spoil.

use std::path::PathBuf;

/// A root file system of busybox below the test's own [`directory`](crate::directory), new for each call.
///
/// # Panics
/// If busybox is missing or is not static; declare
/// [`Need::Package("busybox", "busybox-static")`](crate::Need::Package).
pub fn busybox_root() -> PathBuf {
    let root = tempfile::Builder::new()
        .prefix("rootfs-")
        .tempdir_in(crate::directory())
        .expect("the test's directory takes another")
        .keep();
    busybox::fill(&root).unwrap_or_else(|error| panic!("{error}"));
    root
}

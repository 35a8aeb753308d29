//! `fallback LAYER…` lists what the layers show together, mounted as it was done before Linux 6.8: the tests run it on
//! newer kernels, which still take that way.

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use kit::{Error, Result};
use layers::overlay::Overlay;
use layers::whiteout::Namespace;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

fn main() -> std::process::ExitCode {
    kit::program::finish("fallback", list())
}

fn list() -> Result<std::process::ExitCode> {
    let layers: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let overlay = Overlay::new(&layers, Namespace::here())?;
    unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|errno| Error::sys("make a mount namespace", "", errno))?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .map_err(|errno| Error::sys("make private", "/", errno))?;
    let mounted = overlay.mount_by_string().map_err(kit::Failure::to_error)?;
    let path = format!("/proc/self/fd/{}", mounted.as_raw_fd());
    let entries = std::fs::read_dir(&path).map_err(|e| Error::io("list", &path, &e))?;
    let names: Vec<String> = entries
        .flatten()
        .map(|entry| format!("{}\n", entry.file_name().display()))
        .collect();
    kit::program::show(names.concat().as_bytes())
}

//! Where things are. The container's side and the host's agree on paths, so that a container with a root file system of
//! its own and one without find the same.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use crate::answer::{Refusal, stopped, unable};

/// The attacker's directory, on the host and in the container's root file system.
pub const HOME: &str = "/srv/attack";
/// The program `attack`, there.
pub const PROGRAM: &str = "/srv/attack/attack";
/// An attempt begins when there is a file `go` in this directory, which every container shows as the host has it.
pub const START: &str = "/srv/start";
/// That file.
pub const GO: &str = "/srv/start/go";
/// What the user has for every registry that asks, as Basic authentication has it: `reader:secret`.
pub const PASSWORD: &str = "reader:secret";
/// The lab's data root on the host.
pub const STORE: &str = "/srv/data";
/// The host's own directory; a root file system has none of that name.
pub(crate) const HOST: &str = "/srv/host";

/// A directory of the attacker's own.
pub(crate) fn own(name: &str) -> Result<PathBuf, Refusal> {
    let path = Path::new(HOME).join(name);
    fs::create_dir_all(&path).map_err(unable(format_args!("make {}", path.display())))?;
    Ok(path)
}

/// A procfs: the one that is there, else one of our own making, as an attacker with a bare root would do.
pub(crate) fn proc() -> Result<PathBuf, Refusal> {
    if Path::new("/proc/self").exists() {
        return Ok("/proc".into());
    }
    mounted("proc", "proc")
}

/// A new instance of a file system of the kernel's.
pub(crate) fn mounted(kind: &str, name: &str) -> Result<PathBuf, Refusal> {
    let place = own(name)?;
    let none = None::<&str>;
    mount(Some(kind), &place, Some(kind), MsFlags::empty(), none)
        .map_err(stopped(format_args!("mount a new {kind}")))?;
    Ok(place)
}

//! The cgroups of the cell, and those of a process, as `/sys/fs/cgroup` shows them (cgroups(7)).

use std::fs;
use std::path::{Path, PathBuf};

use kit::sys::mount::{Attributes, set_attributes};
use nix::fcntl::AT_FDCWD;

use crate::proc::{self, Mount};
use crate::{Finding, Outcome};

/// Makes the cell's own cgroups writable: a container sees its cgroups read-only, and a check is the host of others.
///
/// # Errors
/// This machine shows no cgroups.
pub fn make_writable() -> Outcome {
    let writable = Attributes {
        clear: libc::MOUNT_ATTR_RDONLY,
        ..Attributes::default()
    };
    set_attributes(AT_FDCWD, c"/sys/fs/cgroup", libc::AT_RECURSIVE, writable)?;
    Ok(())
}

/// The directory of the cell's own cgroup in the hierarchy that has `controller`, by its v1 name (`memory`, `pids`,
/// `cpu` …), and the version of its interface.
///
/// # Errors
/// No hierarchy has it.
pub fn own(controller: &str) -> Outcome<(PathBuf, u8)> {
    let mounts = proc::mounts("self");
    let below = |mount: &&Mount| mount.point.starts_with("/sys/fs/cgroup");
    let v1 = mounts.iter().rev().filter(below).find(|mount| {
        let name = mount
            .point
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        mount.kind == "cgroup" && name.split(',').any(|part| part == controller)
    });
    if let Some(mount) = v1 {
        return Ok((mount.point.clone(), 1));
    }
    let v2 = mounts
        .iter()
        .rev()
        .filter(below)
        .find(|mount| mount.kind == "cgroup2");
    let controllers = |mount: &Mount| proc::text(mount.point.join("cgroup.controllers"));
    match v2.filter(|mount| controllers(mount).split(' ').any(|name| name == controller)) {
        Some(mount) => Ok((mount.point.clone(), 2)),
        None => Err(Finding::new(
            "check-broken",
            format!("this machine has no cgroup controller {controller}"),
        )),
    }
}

/// Which cgroup a process is in, in the hierarchy that has `controller`: a line of `/proc/PID/cgroup`, its path alone.
pub fn of(pid: i32, controller: &str, version: u8) -> String {
    let text = proc::text(format!("/proc/{pid}/cgroup"));
    let path = text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let is_it = match version {
            1 => names.split(',').any(|name| name == controller),
            _ => names.is_empty(),
        };
        is_it.then(|| path.to_owned())
    });
    path.unwrap_or_else(|| "nothing".to_owned())
}

/// Makes a child cgroup of the cell's own, with its controllers handed out, and returns its directory.
///
/// # Errors
/// What the kernel refuses.
pub fn make_child(controller: &str, name: &str) -> Outcome<(PathBuf, u8)> {
    let (own, version) = own(controller)?;
    if version == 2 {
        hand_out(&own, controller)?;
    }
    let child = own.join(name);
    fs::create_dir(&child)?;
    Ok((child, version))
}

/// On v2 a cgroup that has processes hands out nothing, so they all move into a leaf first ("no internal processes").
fn hand_out(own: &Path, controller: &str) -> Outcome {
    let leaf = own.join("cell");
    if !leaf.is_dir() {
        fs::create_dir(&leaf)?;
    }
    for pid in proc::text(own.join("cgroup.procs")).lines() {
        fs::write(leaf.join("cgroup.procs"), pid)?;
    }
    fs::write(own.join("cgroup.subtree_control"), format!("+{controller}"))?;
    Ok(())
}

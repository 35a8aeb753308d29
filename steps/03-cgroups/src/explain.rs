//! What a refusal of the kernel means here, and the mend.

use std::path::Path;

use kit::Error;
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::group::Node;
use crate::layout::{Controller, Layout, Version, is_enabled};
use crate::write::Write;

/// A controller that an option needs and no hierarchy has.
pub(crate) fn missing(controller: Controller, option: &str, layout: &Layout) -> Error {
    let name = controller.v2_name().unwrap_or(controller.v1_name());
    let where_ = match layout.to_string() {
        mounts if mounts.is_empty() => {
            return Error::new(format!("{option} needs cgroups, and none are mounted"))
                .hint("mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
        }
        mounts => mounts,
    };
    if let Some(hierarchy) = layout.find(controller) {
        return Error::new(format!(
            "{option} needs the cgroup controller {name}, and we may not write to {}",
            hierarchy.mount.display()
        ))
        .hint(NOT_ALLOWED);
    }
    let table = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let hint = match is_enabled(&table, controller) {
        Some(false) => format!(
            "the kernel was started with it switched off: remove cgroup_disable={0} from the boot parameters{1}",
            controller.v1_name(),
            if controller == Controller::Memory {
                ", or add cgroup_enable=memory"
            } else {
                ""
            }
        ),
        Some(true) => format!(
            "the kernel has it: on v2 the parent must list it in cgroup.subtree_control (here that is whoever made our \
             cgroup; under systemd, Delegate=yes); on v1 it must be mounted: mount -t cgroup -o {0} {0} /sys/fs/cgroup/{0}",
            controller.v1_name()
        ),
        None => "this kernel was built without it".to_owned(),
    };
    Error::new(format!(
        "{option} needs the cgroup controller {name}, which is in none of the mounted hierarchies ({where_})"
    ))
    .hint(hint)
}

const NOT_ALLOWED: &str =
    "run it with sudo, or in a cgroup that is yours: systemd-run --user --scope -p Delegate=yes …";

const NO_PARENT: &str =
    "the parent cgroup must exist, in every hierarchy that is used: mkdir it first";

/// A cgroup on the way down that is not there.
pub(crate) fn no_parent(error: Error) -> Error {
    match error.errno() {
        Some(Errno::ENOENT) => error.hint(NO_PARENT),
        _ => error,
    }
}

/// A directory that could not be made.
pub(crate) fn make(node: &Node, errno: Errno) -> Error {
    let error = Error::sys("make the cgroup", &node.directory, errno);
    match errno {
        Errno::EACCES | Errno::EPERM | Errno::EROFS => error.hint(NOT_ALLOWED),
        Errno::ENOENT => error.hint(NO_PARENT),
        Errno::EBUSY => error.hint(
            "it is there already, with processes in it: another container has this name, with another run root",
        ),
        Errno::EAGAIN => error.hint(
            "the parent has all the descendants it may have (cgroup.max.descendants, cgroup.max.depth)",
        ),
        Errno::ENOSPC => error.hint("the kernel has no number left for another cgroup of this controller (65535)"),
        _ => error,
    }
}

/// A directory that could not be removed, and who is still in it.
pub(crate) fn remove(node: &Node, errno: Errno, processes: &[Pid]) -> Error {
    let error = Error::sys("remove the cgroup", &node.directory, errno);
    let pids: Vec<String> = processes.iter().map(ToString::to_string).collect();
    match (errno, pids.is_empty()) {
        (Errno::EBUSY, false) => error.hint(format!(
            "processes in it do not die, because they hang in the kernel: {}",
            pids.join(" ")
        )),
        _ => error,
    }
}

/// Controllers that could not be handed out.
pub(crate) fn enable(level: &Path, names: &str, errno: Errno) -> Error {
    let path = level.join("cgroup.subtree_control");
    let error = Error::sys(&format!("write {names:?} to"), path, errno);
    match errno {
        Errno::EBUSY => error.hint(format!(
            "a cgroup that hands out controllers may hold no processes itself (cgroups(7), \"no internal processes\"): \
             {} has some that cannot be moved to a child of it",
            level.display()
        )),
        Errno::ENOENT => error.hint(format!(
            "the cgroup above does not list them in its own cgroup.subtree_control: see {}",
            level.join("cgroup.controllers").display()
        )),
        Errno::EACCES | Errno::EPERM | Errno::EROFS => error.hint(NOT_ALLOWED),
        Errno::EOPNOTSUPP => error.hint("the cgroup is threaded: cat cgroup.type (cgroups(7))"),
        _ => error,
    }
}

/// A value that could not be written.
pub(crate) fn write(write: &Write, node: &Node, file: &str, value: &str, errno: Errno) -> Error {
    let path = node.directory.join(file);
    let operation = format!("apply {} (write {value:?} to", write.option);
    let mut error = Error::sys(&operation, format!("{})", path.display()), errno);
    if let Some(hint) = write_hint(write, node, errno) {
        error = error.hint(hint);
    }
    error
}

fn write_hint(write: &Write, node: &Node, errno: Errno) -> Option<&'static str> {
    let is_v1 = node.version == Version::V1;
    Some(match (write.controller, errno) {
        (Controller::Memory, Errno::ENOENT) if write.option == "--memory-swap" => {
            "the kernel does not account for swap: add swapaccount=1 to the boot parameters, or leave --memory-swap out"
        }
        (Controller::Io, Errno::ENOENT) if write.option == "--blkio-weight" => {
            "no scheduler here knows weights: modprobe bfq and choose it in /sys/block/*/queue/scheduler, or a kernel with \
             CONFIG_BLK_CGROUP_IOCOST"
        }
        (Controller::Hugetlb, Errno::ENOENT) => {
            "this machine has no pages of that size: ls /sys/kernel/mm/hugepages"
        }
        (Controller::Io, Errno::ENODEV) => {
            "give a whole disk: a partition has no queue of its own to be throttled"
        }
        (Controller::Cpu, Errno::EINVAL) if is_v1 => {
            "on v1 a quota may not exceed the share of the parent cgroup: see its cpu.cfs_quota_us"
        }
        (Controller::Cpuset, Errno::EINVAL | Errno::EACCES | Errno::ENOSPC) => {
            "the processors and memory nodes must be among those of the parent cgroup"
        }
        (Controller::Devices, Errno::EPERM) => {
            "the parent cgroup does not allow this device itself: see its devices.list"
        }
        (_, Errno::ENOENT) => "this kernel's version of the controller has no such file",
        (_, Errno::EACCES | Errno::EPERM | Errno::EROFS) => NOT_ALLOWED,
        (_, Errno::EINVAL | Errno::ERANGE) => "the kernel does not take this value",
        _ => return None,
    })
}

/// A device program that could not be attached.
pub(crate) fn program(node: &Node, errno: Errno) -> Error {
    let error = Error::sys("attach the device program to", &node.directory, errno);
    match errno {
        Errno::EPERM => error.hint(
            "it needs root (CAP_BPF, CAP_NET_ADMIN), and no program above that forbids others",
        ),
        Errno::EINVAL => error.hint("the kernel was built without CONFIG_CGROUP_BPF"),
        Errno::ENOSYS => error.hint(
            "the kernel was built without CONFIG_BPF_SYSCALL, or a seccomp filter is around us",
        ),
        Errno::EACCES => {
            error.hint("the kernel's verifier has refused the program, which is a fault of ours")
        }
        _ => error,
    }
}

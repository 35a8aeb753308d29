//! Programs that cannot be executed, and device nodes that cannot be made.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use object::read::elf::{FileHeader, ProgramHeader};

use super::{Established, Refuted, Rule, Unknown, seen};
use crate::cmd::map::process::Proc;
use crate::cmd::why::scene::{CAP_MKNOD, Scene};

const EXECUTING: &[&str] = &["execve", "execveat"];
const OPENING: &[&str] = &["openat", "open", "openat2"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "interpreter-missing",
        calls: EXECUTING,
        errno: "ENOENT",
        cause: "the program is there, but not the interpreter that it names",
        how: "the file exists, and the path after `#!`, or the ELF interpreter, does not",
        mend: "install the interpreter in the root that the process has; for a program copied into an empty root, link it statically",
        page: "execve(2)",
        examine: |scene| match program(scene) {
            Some(path) => match interpreter(scene, &path) {
                Some(interpreter) => {
                    let is_there = scene.our_path(Path::new(&interpreter)).exists();
                    seen(
                        !is_there,
                        format!(
                            "{} names {interpreter}, which is {}",
                            path.display(),
                            if is_there { "there" } else { "not there" }
                        ),
                    )
                }
                None => Refuted(format!(
                    "{} is not there, or names no interpreter",
                    path.display()
                )),
            },
            None => Unknown(UNFOLLOWED.to_owned()),
        },
    },
    Rule {
        id: "no-known-format",
        calls: EXECUTING,
        errno: "ENOEXEC",
        cause: "the file is executable, but is neither an ELF program for this machine nor a script with `#!`",
        how: "its first bytes",
        mend: "give a script `#!/bin/sh` as its first line; take a program that was built for this architecture",
        page: "execve(2)",
        examine: |scene| match program(scene).and_then(|path| head(scene, &path)) {
            Some(head) => seen(
                !head.starts_with(b"#!"),
                format!(
                    "it begins with {:?}",
                    String::from_utf8_lossy(&head[..head.len().min(8)])
                ),
            ),
            None => Unknown("it cannot be read".to_owned()),
        },
    },
    Rule {
        id: "mounted-noexec",
        calls: EXECUTING,
        errno: "EACCES",
        cause: "the file system that the program is on is mounted noexec",
        how: "the mount that it lies on has the option noexec in /proc/PID/mountinfo",
        mend: "put the program elsewhere, or remount: `mount -o remount,exec`",
        page: "execve(2)",
        examine: |scene| match program(scene).and_then(|path| scene.mount_of(&path)) {
            Some(mount) => seen(
                mount.has("noexec"),
                format!(
                    "{} is mounted {}",
                    mount.point.display(),
                    mount.options.join(",")
                ),
            ),
            None => Unknown("its mount cannot be told".to_owned()),
        },
    },
    Rule {
        id: "not-executable",
        calls: EXECUTING,
        errno: "EACCES",
        cause: "the file has no permission to be executed, or is no regular file",
        how: "its mode has none of the x bits, or it is a directory or a device",
        mend: "`chmod +x`",
        page: "execve(2)",
        examine: |scene| match program(scene)
            .and_then(|path| fs::metadata(scene.our_path(&path)).ok())
        {
            Some(file) => seen(
                !file.is_file() || file.permissions().mode() & 0o111 == 0,
                format!("its mode is {:o}", file.mode()),
            ),
            None => Unknown("it cannot be seen".to_owned()),
        },
    },
    Rule {
        id: "open-for-writing",
        calls: EXECUTING,
        errno: "ETXTBSY",
        cause: "a program that somebody has open for writing cannot be executed",
        how: "a process has a descriptor of the file that is open for writing (/proc/PID/fdinfo)",
        mend: "close it first; a program that starts what it has just written must not leak the descriptor into a child that is forked at the same time",
        page: "execve(2)",
        examine: |scene| match program(scene)
            .and_then(|path| fs::metadata(scene.our_path(&path)).ok())
        {
            Some(file) => match writer(&file) {
                Some((process, fd)) => Established(format!(
                    "process {} ({}) has it open as {fd}",
                    process.0,
                    process.name()
                )),
                None => Refuted("no process that we see has it open for writing".to_owned()),
            },
            None => Unknown("it cannot be seen".to_owned()),
        },
    },
    Rule {
        id: "is-being-executed",
        calls: OPENING,
        errno: "ETXTBSY",
        cause: "a program that runs cannot be opened for writing",
        how: "a process has the file as its program (/proc/PID/exe)",
        mend: "write a new file and rename it over the old one, as installers do",
        page: "open(2)",
        examine: |scene| {
            let directory = (scene.call != "open").then_some("dirfd");
            let Some(file) = scene
                .path(directory, "pathname")
                .and_then(|path| fs::metadata(scene.our_path(&path)).ok())
            else {
                return Unknown("it cannot be seen".to_owned());
            };
            let runs = |process: &Proc| {
                fs::metadata(process.path("exe"))
                    .is_ok_and(|exe| (exe.dev(), exe.ino()) == (file.dev(), file.ino()))
            };
            match Proc::all().into_iter().find(runs) {
                Some(process) => Established(format!(
                    "process {} ({}) runs it",
                    process.0,
                    process.name()
                )),
                None => Refuted("no process that we see runs it".to_owned()),
            }
        },
    },
    Rule {
        id: "device-in-user-namespace",
        calls: &["mknod", "mknodat"],
        errno: "EPERM",
        cause: "in a user namespace nobody may make device nodes, root neither",
        how: "the file is a device, and /proc/PID/ns/user is not the first user namespace",
        mend: "bind mount the host's node instead: /dev/null, /dev/zero and so on",
        page: "user_namespaces(7)",
        examine: |scene| {
            seen(
                is_device(scene) && !scene.is_in_first_user_namespace(),
                format!(
                    "its user namespace is user:[{}]",
                    scene.process.namespace("user").unwrap_or(0)
                ),
            )
        },
    },
    Rule {
        id: "device-without-privilege",
        calls: &["mknod", "mknodat"],
        errno: "EPERM",
        cause: "to make a device node takes CAP_MKNOD, and the process does not have it",
        how: "the file is a device, and CapEff lacks CAP_MKNOD",
        mend: "run it as root; in Docker's containers CAP_MKNOD can be dropped (`--cap-drop MKNOD`)",
        page: "mknod(2)",
        examine: |scene| {
            seen(
                is_device(scene) && !scene.may(CAP_MKNOD),
                format!(
                    "CapEff is {:016x}",
                    scene.process.capabilities().unwrap_or(0)
                ),
            )
        },
    },
];

const UNFOLLOWED: &str = "the path cannot be followed";

fn program(scene: &Scene) -> Option<PathBuf> {
    match scene.call.as_str() {
        "execveat" if scene.argument("pathname").is_empty() => {
            scene.descriptor_path(scene.argument("dirfd"))
        }
        "execveat" => scene.path(Some("dirfd"), "pathname"),
        _ => scene.path(None, "pathname"),
    }
}

fn head(scene: &Scene, path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    fs::File::open(scene.our_path(path))
        .ok()?
        .take(256)
        .read_to_end(&mut head)
        .ok()?;
    Some(head)
}

/// What a script names behind `#!`, or an ELF file in its PT_INTERP.
fn interpreter(scene: &Scene, path: &Path) -> Option<String> {
    let head = head(scene, path)?;
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        let words = String::from_utf8_lossy(line).into_owned();
        return words.split_whitespace().next().map(str::to_owned);
    }
    let file = object::ReadCache::new(fs::File::open(scene.our_path(path)).ok()?);
    let header = object::elf::FileHeader64::<object::Endianness>::parse(&file).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, &file).ok()?;
    let name = headers
        .iter()
        .find_map(|header| header.interpreter(endian, &file).ok().flatten())?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// Who has the file open for writing, and as which descriptor.
fn writer(file: &fs::Metadata) -> Option<(Proc, String)> {
    for process in Proc::all() {
        let Ok(entries) = fs::read_dir(process.path("fd")) else {
            continue;
        };
        for entry in entries.flatten() {
            let is_it = fs::metadata(entry.path())
                .is_ok_and(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()));
            let fd = entry.file_name().to_string_lossy().into_owned();
            if is_it && is_writable(process, &fd) {
                return Some((process, fd));
            }
        }
    }
    None
}

fn is_writable(process: Proc, fd: &str) -> bool {
    let info = process.read(&format!("fdinfo/{fd}"));
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    // The lowest two bits are the access mode, of which 0 is reading.
    flags
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & 3 != 0)
}

fn is_device(scene: &Scene) -> bool {
    scene.has_flag("S_IFCHR") || scene.has_flag("S_IFBLK")
}

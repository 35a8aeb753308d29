//! The default root file system: one static program, a link to it for each of its commands, and a few files.
//!
//! It stands in for an image until there are images. The lab tool keeps one in the data root, the tests make their own.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use kit::fs::Lock;
use kit::{Error, Result};

/// Where Debian's package `busybox-static` puts its program.
const PROGRAM: &str = "/bin/busybox";

/// The directories and their modes; those for `proc`, `sys` and `dev` are mount points.
const DIRECTORIES: [(&str, u32); 18] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

const FILES: [(&str, &str); 6] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    ),
    (
        "etc/group",
        "root:x:0:\ntty:x:5:\nstaff:x:50:\nnogroup:x:65534:\n",
    ),
    ("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n"),
    (
        "etc/os-release",
        "ID=busybox\nNAME=busybox\nPRETTY_NAME=\"a root file system of one program\"\n",
    ),
    ("etc/resolv.conf", ""),
    ("etc/profile", "export PS1='\\h:\\w\\$ '\n"),
];

/// Where the lab keeps the default root file system: `rootfs/busybox` in the data root.
pub fn default_root() -> PathBuf {
    kit::roots::data().join("rootfs/busybox")
}

/// Whether `target` holds a root file system that [`make`] would leave as it is.
pub fn is_made(target: &Path) -> bool {
    fs::read(PROGRAM).is_ok_and(|program| holds(target, &program))
}

fn holds(target: &Path, program: &[u8]) -> bool {
    fs::read(target.join("bin/busybox")).is_ok_and(|there| there == program)
}

/// Makes the root file system at `target`, and the directories above it. If it is there already and made from the
/// same busybox, nothing is done; if not, a new one is made beside it and takes its place by one rename(2).
///
/// Any number of processes may do this at once. What stands at `target` is replaced whole: keep nothing of your own
/// in it.
///
/// # Errors
/// `busybox-static` is not installed, or `target`'s directory cannot be written.
pub fn make(target: &Path) -> Result<()> {
    let program = installed_program()?;
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::new(format!(
            "{} cannot hold a root file system",
            target.display()
        )));
    };
    fs::create_dir_all(parent).map_err(|e| failed("make the directory", parent, &e))?;

    let beside = |suffix: &str| {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(suffix);
        parent.join(hidden)
    };
    let _lock = Lock::exclusive(&beside(".lock")).map_err(|e| e.hint(WRITABLE))?;
    if holds(target, &program) {
        return Ok(());
    }
    let (new, old) = (beside(".new"), beside(".old"));
    // Left by one that was killed.
    remove(&new)?;
    remove(&old)?;
    make_directory(&new)?;
    populate(&new, &program)?;
    if target.symlink_metadata().is_ok() {
        rename(target, &old)?;
    }
    rename(&new, target)?;
    remove(&old)
}

const WRITABLE: &str =
    "the data root is DRYDOCK_ROOT, by default /var/lib/drydock: choose one that you can write to";

fn installed_program() -> Result<Vec<u8>> {
    let program = fs::read(PROGRAM).map_err(|e| {
        Error::io("read", PROGRAM, &e).hint("install Debian's package busybox-static")
    })?;
    // A dynamic busybox (Debian's package `busybox`) would ask for libraries that the root file system does not have.
    if contains(&program, b"/ld-linux") || contains(&program, b"/ld-musl") {
        return Err(Error::new(format!("{PROGRAM} is not statically linked"))
            .hint("install Debian's package busybox-static, which takes the place of busybox"));
    }
    Ok(program)
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    // The interpreter's path is in the first page of the file (elf(5), PT_INTERP).
    bytes[..bytes.len().min(4096)]
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Fills `root`, an empty directory that exists: for who wants a root file system of their own, to change as they like.
///
/// # Errors
/// `busybox-static` is not installed, or something stands in the way.
pub fn fill(root: &Path) -> Result<()> {
    populate(root, &installed_program()?)
}

fn populate(root: &Path, program: &[u8]) -> Result<()> {
    set_mode(root, 0o755).map_err(|e| failed("change the mode of", root, &e))?;
    for (name, mode) in DIRECTORIES {
        let path = root.join(name);
        make_directory(&path)?;
        set_mode(&path, mode).map_err(|e| failed("change the mode of", &path, &e))?;
    }
    for (name, contents) in FILES {
        write(&root.join(name), contents.as_bytes(), 0o644)?;
    }
    write(&root.join("bin/busybox"), program, 0o755)?;
    for path in commands()?.lines().filter(|path| *path != "bin/busybox") {
        let link = root.join(path);
        match symlink("/bin/busybox", &link) {
            // A directory of a newer busybox that we do not know: `make` is not the place to learn of it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            result => result.map_err(|e| Error::io("link", &link, &e))?,
        }
    }
    Ok(())
}

/// The paths of busybox's commands, one a line, relative to the root.
fn commands() -> Result<String> {
    let output = Command::new(PROGRAM)
        .arg("--list-full")
        .output()
        .map_err(|e| Error::io("run", PROGRAM, &e))?;
    String::from_utf8(output.stdout)
        .ok()
        .filter(|list| output.status.success() && list.contains("bin/sh"))
        .ok_or_else(|| {
            Error::new(format!(
                "`{PROGRAM} --list-full` does not list its commands"
            ))
        })
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir(path).map_err(|e| failed("make the directory", path, &e))
}

fn write(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    fs::write(path, contents)
        .and_then(|()| set_mode(path, mode))
        .map_err(|e| failed("write", path, &e))
}

/// Said outright, since what create and mkdir are asked for is reduced by the caller's umask.
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| {
        Error::io("replace", to, &e).hint("is something mounted there? findmnt shows what")
    })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|e| Error::io("remove", path, &e)),
    }
}

fn failed(operation: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(operation, path, error).hint(WRITABLE)
}

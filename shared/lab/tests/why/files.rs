//! Programs and paths.

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Need;
use kit::sys::descriptor::openat2;
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::execv;

use crate::mounts::{private, tmpfs};
use crate::{FIXTURE, Fixture, NOBODY, fresh};

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_script_needs_its_interpreter",
        call: "execve",
        errno: "ENOENT",
        rules: &["interpreter-missing"],
        induce: || execute(&program(&fresh(), b"#!/no/such/interpreter\n")),
        ..FIXTURE
    },
    Fixture {
        name: "a_dynamic_program_needs_its_loader",
        call: "execve",
        errno: "ENOENT",
        rules: &["interpreter-missing"],
        induce: || {
            // The C library's loader, by a name that is not there.
            let mut bytes = fs::read("/bin/sh").unwrap();
            let name = b"/lib64/ld-linux-x86-64.so.2";
            let other = b"/lib/ld-linux-aarch64.so.1";
            let at = |name: &[u8]| bytes.windows(name.len()).position(|window| window == name);
            let at = at(name)
                .or_else(|| at(other))
                .expect("a shell that is linked dynamically");
            bytes[at + 1] = b'X';
            execute(&program(&fresh(), &bytes))
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_a_program_that_is_not_there",
        call: "execve",
        errno: "ENOENT",
        induce: || execute(&fresh().join("nothing")),
        ..FIXTURE
    },
    Fixture {
        name: "a_program_needs_a_format",
        call: "execve",
        errno: "ENOEXEC",
        rules: &["no-known-format"],
        induce: || execute(&program(&fresh(), b"echo no first line\n")),
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_a_first_line_without_a_name",
        call: "execve",
        errno: "ENOEXEC",
        induce: || execute(&program(&fresh(), b"#!\n")),
        ..FIXTURE
    },
    Fixture {
        name: "a_noexec_mount_has_no_programs",
        call: "execve",
        errno: "EACCES",
        rules: &["mounted-noexec"],
        induce: || {
            private();
            let place = fresh();
            tmpfs(&place, MsFlags::MS_NOEXEC).unwrap();
            execute(&program(&place, &fs::read("/bin/true").unwrap()))
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_program_needs_permission",
        call: "execve",
        errno: "EACCES",
        rules: &["not-executable"],
        induce: || {
            let path = program(&fresh(), &fs::read("/bin/true").unwrap());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            execute(&path)
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_program_open_for_writing_is_not_executed",
        call: "execve",
        errno: "ETXTBSY",
        rules: &["open-for-writing"],
        induce: || {
            let path = program(&fresh(), &fs::read("/bin/true").unwrap());
            let _open = OpenOptions::new().append(true).open(&path).unwrap();
            execute(&path)
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_program_that_runs_is_not_written",
        call: "openat",
        errno: "ETXTBSY",
        rules: &["is-being-executed"],
        induce: || {
            let path = program(&fresh(), &fs::read("/bin/sleep").unwrap());
            let mut sleep = Command::new(&path).arg("60").spawn().unwrap();
            let error = OpenOptions::new().append(true).open(&path).unwrap_err();
            sleep.kill().unwrap();
            sleep.wait().unwrap();
            Errno::from_raw(error.raw_os_error().unwrap())
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_user_namespace_makes_no_devices",
        needs: &[Need::Root, Need::UserNamespaces],
        call: "mknodat",
        errno: "EPERM",
        rules: &["device-in-user-namespace"],
        induce: || {
            unshare(CloneFlags::CLONE_NEWUSER).unwrap();
            fs::write("/proc/self/uid_map", "0 0 1").unwrap();
            device()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_device_takes_privilege",
        call: "mknodat",
        errno: "EPERM",
        rules: &["device-without-privilege"],
        user: Some(NOBODY),
        induce: device,
        ..FIXTURE
    },
    Fixture {
        name: "a_path_must_stay_beneath",
        call: "openat2",
        errno: "EXDEV",
        rules: &["path-leaves-its-root"],
        induce: || resolve(&fresh(), c"../..", libc::RESOLVE_BENEATH),
        ..FIXTURE
    },
    Fixture {
        name: "a_symlink_must_stay_beneath",
        call: "openat2",
        errno: "EXDEV",
        rules: &["path-leaves-its-root"],
        induce: || {
            let directory = fresh();
            symlink("/etc/passwd", directory.join("link")).unwrap();
            resolve(&directory, c"link", libc::RESOLVE_BENEATH)
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_path_must_stay_on_its_mount",
        call: "openat2",
        errno: "EXDEV",
        rules: &["path-crosses-mount"],
        induce: || resolve(Path::new("/"), c"proc/version", libc::RESOLVE_NO_XDEV),
        ..FIXTURE
    },
    Fixture {
        name: "symlinks_can_be_forbidden",
        call: "openat2",
        errno: "ELOOP",
        rules: &["symlink-forbidden"],
        induce: || {
            let directory = fresh();
            fs::write(directory.join("file"), "").unwrap();
            symlink("file", directory.join("link")).unwrap();
            resolve(&directory, c"link", libc::RESOLVE_NO_SYMLINKS)
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_a_magic_link_that_is_forbidden",
        call: "openat2",
        errno: "ELOOP",
        induce: || resolve(Path::new("/proc/self"), c"exe", libc::RESOLVE_NO_MAGICLINKS),
        ..FIXTURE
    },
    Fixture {
        name: "symlinks_can_go_round",
        call: "openat",
        errno: "ELOOP",
        rules: &["symlink-loop"],
        induce: || {
            let path = fresh().join("loop");
            symlink("loop", &path).unwrap();
            Errno::from_raw(File::open(&path).unwrap_err().raw_os_error().unwrap())
        },
        ..FIXTURE
    },
];

/// An executable file.
fn program(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join("program");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// execv, which searches nothing and tries no shell.
fn execute(path: &Path) -> Errno {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let failed: Result<Infallible, Errno> = execv(&path, &[&path]);
    failed.unwrap_err()
}

fn device() -> Errno {
    mknod(
        &fresh().join("null"),
        SFlag::S_IFCHR,
        Mode::from_bits_truncate(0o666),
        makedev(1, 3),
    )
    .unwrap_err()
}

fn resolve(directory: &Path, path: &CStr, rules: u64) -> Errno {
    let directory = File::open(directory).unwrap();
    openat2(&directory, path, libc::O_PATH, 0, rules).unwrap_err()
}

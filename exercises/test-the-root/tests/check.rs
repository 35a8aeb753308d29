//! The programs that the learner's test has to tell apart: one that is right, and wrong ones.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use checks::tester::{Judgement, accepted, rejected};
use checks::{Check, Outcome};
use kit::sys::branch::branch;
use kit::sys::descriptor::duplicate_onto;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::wait::waitpid;
use nix::unistd::{chdir, chroot, execv, pivot_root};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "right",
            asks: "the right program is accepted",
            run: || accepts(RIGHT),
        },
        Check {
            id: "chroot",
            asks: "a program that uses chroot is rejected",
            run: || {
                rejects(Program {
                    change: Change::Chroot,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "old-root",
            asks: "a program that leaves the old root mounted is rejected",
            run: || {
                rejects(Program {
                    change: Change::KeepsOld,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "host-proc",
            asks: "a program that shows the host's /proc is rejected",
            run: || {
                rejects(Program {
                    own_proc: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "writable-proc-sys",
            asks: "a program that leaves /proc/sys writable is rejected",
            run: || {
                rejects(Program {
                    protects_proc_sys: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "writable-sys",
            asks: "a program that leaves /sys writable is rejected",
            run: || {
                rejects(Program {
                    protects_sys: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "host-dev",
            asks: "a program that shows the host's /dev is rejected",
            run: || {
                rejects(Program {
                    own_dev: false,
                    ..RIGHT
                })
            },
        },
    ])
}

/// A program that runs a script in a root file system.
#[derive(Clone, Copy)]
struct Program {
    change: Change,
    own_proc: bool,
    protects_proc_sys: bool,
    protects_sys: bool,
    own_dev: bool,
}

/// How the root is changed.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Pivot,
    KeepsOld,
    Chroot,
}

const RIGHT: Program = Program {
    change: Change::Pivot,
    own_proc: true,
    protects_proc_sys: true,
    protects_sys: true,
    own_dev: true,
};

const IMAGE: &str = "/tmp/image";
const NAMESPACES: libc::c_int = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWNET;

impl Program {
    fn start(self, script: &str) -> io::Result<String> {
        let (mut from, to) = io::pipe()?;
        let (pid, _pidfd) = branch(NAMESPACES as u64, || match self.enter(script, &to) {
            Ok(()) => 0,
            Err(_) => 1,
        })?;
        drop(to);
        let mut said = String::new();
        from.read_to_string(&mut said)?;
        waitpid(pid, None)?;
        Ok(said)
    }

    fn enter(self, script: &str, to: impl AsFd) -> io::Result<()> {
        let none = None::<&str>;
        duplicate_onto(File::open("/dev/null")?, libc::STDIN_FILENO)?;
        duplicate_onto(to, libc::STDOUT_FILENO)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        if self.change != Change::Chroot {
            mount(Some(IMAGE), IMAGE, none, MsFlags::MS_BIND, none)?;
        }
        self.furnish(&|place| format!("{IMAGE}{place}"))?;
        chdir(IMAGE)?;
        match self.change {
            Change::Chroot => chroot(".")?,
            Change::Pivot => {
                pivot_root(".", ".")?;
                umount2(".", MntFlags::MNT_DETACH)?;
            }
            Change::KeepsOld => pivot_root(".", "./mnt")?,
        }
        chdir("/")?;
        let script = std::ffi::CString::new(script)?;
        execv(c"/bin/sh", &[c"sh", c"-c", script.as_c_str()])?;
        Ok(())
    }

    fn furnish(self, at: &dyn Fn(&str) -> String) -> nix::Result<()> {
        let none = None::<&str>;
        let bind =
            |from: &str, to: &str| mount(Some(from), at(to).as_str(), none, MsFlags::MS_BIND, none);
        let read_only = |place: &str| {
            let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            mount(none, at(place).as_str(), none, flags, none)
        };
        match self.own_proc {
            true => mount(
                Some("proc"),
                at("/proc").as_str(),
                Some("proc"),
                MsFlags::empty(),
                none,
            )?,
            false => bind("/proc", "/proc")?,
        }
        mount(
            Some(at("/proc/sys").as_str()),
            at("/proc/sys").as_str(),
            none,
            MsFlags::MS_BIND,
            none,
        )?;
        if self.protects_proc_sys {
            read_only("/proc/sys")?;
        }
        mount(
            Some("sysfs"),
            at("/sys").as_str(),
            Some("sysfs"),
            MsFlags::empty(),
            none,
        )?;
        if self.protects_sys {
            read_only("/sys")?;
        }
        match self.own_dev {
            true => mount(
                Some("dev"),
                at("/dev").as_str(),
                Some("tmpfs"),
                MsFlags::MS_NOSUID,
                none,
            ),
            false => bind("/dev", "/dev"),
        }
    }
}

/// An image with busybox.
fn make_image() -> io::Result<()> {
    for name in ["bin", "dev", "proc", "sys", "mnt"] {
        fs::create_dir_all(Path::new(IMAGE).join(name))?;
    }
    fs::write(Path::new(IMAGE).join("image"), "yes\n")?;
    fs::copy("/bin/busybox", "/tmp/image/bin/busybox")?;
    for name in [
        "sh", "cat", "ls", "readlink", "mount", "ps", "stat", "touch", "find", "grep", "head",
        "wc", "id", "test",
    ] {
        std::os::unix::fs::symlink("busybox", format!("{IMAGE}/bin/{name}"))?;
    }
    Ok(())
}

fn judge(program: Program) -> Outcome<Judgement> {
    make_image()?;
    Ok(exercise::judge(&|script| {
        program
            .start(script)
            .unwrap_or_else(|error| format!("the container could not be made: {error}"))
    }))
}

fn accepts(program: Program) -> Outcome {
    accepted(judge(program)?)
}

fn rejects(program: Program) -> Outcome {
    rejected(judge(program)?)
}

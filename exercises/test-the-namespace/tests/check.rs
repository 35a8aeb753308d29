//! The programs that the learner's test has to tell apart: one that is right, and wrong ones.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::ExitCode;

use checks::tester::{Judgement, accepted, rejected};
use checks::{Check, Outcome};
use kit::sys::branch::branch;
use kit::sys::descriptor::duplicate_onto;
use nix::mount::{MsFlags, mount};
use nix::sys::wait::waitpid;
use nix::unistd::{execv, sethostname};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "right",
            asks: "the right program is accepted",
            run: || accepts(RIGHT),
        },
        Check {
            id: "host-pids",
            asks: "a program that makes no PID namespace is rejected",
            run: || rejects(without(libc::CLONE_NEWPID)),
        },
        Check {
            id: "stale-proc",
            asks: "a program that leaves the host's /proc in place is rejected",
            run: || {
                rejects(Program {
                    proc: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "shared-mounts",
            asks: "a program whose mounts are seen on the host is rejected",
            run: || {
                rejects(Program {
                    private: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "host-network",
            asks: "a program that stays in the host's network is rejected",
            run: || rejects(without(libc::CLONE_NEWNET)),
        },
        Check {
            id: "host-uts",
            asks: "a program that stays in the host's UTS namespace is rejected",
            run: || rejects(without(libc::CLONE_NEWUTS)),
        },
        Check {
            id: "host-ipc",
            asks: "a program that stays in the host's IPC namespace is rejected",
            run: || rejects(without(libc::CLONE_NEWIPC)),
        },
    ])
}

/// A program that runs a script in namespaces.
#[derive(Clone, Copy)]
struct Program {
    namespaces: libc::c_int,
    /// Whether it makes its mounts private.
    private: bool,
    /// Whether it mounts a /proc of its own.
    proc: bool,
}

const RIGHT: Program = Program {
    namespaces: libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWNET,
    private: true,
    proc: true,
};

const fn without(namespace: libc::c_int) -> Program {
    Program {
        namespaces: RIGHT.namespaces & !namespace,
        ..RIGHT
    }
}

impl Program {
    fn start(self, script: &str) -> io::Result<String> {
        let (mut from, to) = io::pipe()?;
        let (pid, _pidfd) = branch(self.namespaces as u64, || match self.enter(script, &to) {
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
        if self.private {
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        }
        if self.proc {
            // Where mounts are shared, not even a program that is wrong may spoil the host's /proc.
            mount(none, "/proc", none, MsFlags::MS_PRIVATE, none)?;
            mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
        }
        // In the UTS namespace that it has, whosever that is.
        sethostname("box")?;
        duplicate_onto(File::open("/dev/null")?, libc::STDIN_FILENO)?;
        duplicate_onto(to, libc::STDOUT_FILENO)?;
        let script = std::ffi::CString::new(script)?;
        execv(c"/bin/sh", &[c"sh", c"-c", script.as_c_str()])?;
        Ok(())
    }
}

/// The host: its mounts are shared, as systemd makes them.
fn judge(program: Program) -> Outcome<Judgement> {
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_SHARED,
        None::<&str>,
    )?;
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

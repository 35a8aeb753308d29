//! The programs that the learner's test has to tell apart: one that is right, and wrong ones.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use checks::child::wait_until;
use checks::tester::{Judgement, accepted, rejected};
use checks::{Check, Outcome, cgroup};
use kit::sys::branch::branch;
use kit::sys::descriptor::duplicate_onto;
use kit::sys::process::kill;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, execv};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "right",
            asks: "the right program is accepted",
            run: || accepts(RIGHT),
        },
        Check {
            id: "outside",
            asks: "a program that never joins its cgroup is rejected",
            run: || {
                rejects(Program {
                    joins: Joins::Never,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "late",
            asks: "a program that joins a moment after the start is rejected",
            run: || {
                rejects(Program {
                    joins: Joins::Late,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "constant",
            asks: "a program that always writes the same limit is rejected",
            run: || {
                rejects(Program {
                    limit: Limit::Constant,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "left-behind",
            asks: "a program that leaves its cgroup behind is rejected",
            run: || {
                rejects(Program {
                    removes: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "caller",
            asks: "a program that moves its caller into the cgroup is rejected",
            run: || {
                rejects(Program {
                    joins: Joins::WithCaller,
                    removes: false,
                    ..RIGHT
                })
            },
        },
        Check {
            id: "on-top",
            asks: "a program that limits the cgroup above is rejected",
            run: || {
                rejects(Program {
                    limit: Limit::OnTop,
                    ..RIGHT
                })
            },
        },
    ])
}

/// A program that runs a script in a cgroup.
#[derive(Clone, Copy)]
struct Program {
    joins: Joins,
    limit: Limit,
    removes: bool,
}

/// Who joins the cgroup, and when.
#[derive(Clone, Copy, PartialEq)]
enum Joins {
    BeforeExec,
    Late,
    Never,
    WithCaller,
}

/// Which limit is written, and where.
#[derive(Clone, Copy, PartialEq)]
enum Limit {
    AsAsked,
    Constant,
    OnTop,
}

const RIGHT: Program = Program {
    joins: Joins::BeforeExec,
    limit: Limit::AsAsked,
    removes: true,
};

impl Program {
    fn start(self, top: &Path, number: u32, limit: u32, script: &str) -> io::Result<String> {
        let directory = top.join(format!("container-{number}"));
        let before = charged(top);
        fs::create_dir(&directory)?;
        match self.limit {
            Limit::AsAsked => fs::write(directory.join("pids.max"), limit.to_string())?,
            Limit::Constant => fs::write(directory.join("pids.max"), "4")?,
            Limit::OnTop => fs::write(top.join("pids.max"), limit.to_string())?,
        }
        if self.joins == Joins::WithCaller {
            fs::write(directory.join("pids.max"), (limit + 1).to_string())?;
            fs::write(directory.join("cgroup.procs"), "0")?;
        }
        let (mut from, to) = io::pipe()?;
        let (pid, _pidfd) = branch(0, || match self.enter(&directory, script, &to) {
            Ok(()) => 0,
            Err(_) => 1,
        })?;
        drop(to);
        if self.joins == Joins::Late {
            sleep(Duration::from_millis(200));
            // It may have ended by now.
            let _ = fs::write(directory.join("cgroup.procs"), pid.to_string());
        }
        let mut said = String::new();
        from.read_to_string(&mut said)?;
        waitpid(pid, None)?;
        if self.joins != Joins::WithCaller {
            empty(&directory);
            // Who was killed counts above until he is reaped, though his cgroup may already be removed.
            wait_until(|| (charged(top) == before).then_some(()));
        }
        if self.removes {
            let removed = wait_until(|| fs::remove_dir(&directory).ok());
            removed.ok_or_else(|| io::Error::other("the cgroup is busy"))?;
        }
        Ok(said)
    }

    fn enter(self, directory: &Path, script: &str, to: impl AsFd) -> io::Result<()> {
        if self.joins == Joins::BeforeExec {
            fs::write(directory.join("cgroup.procs"), "0")?;
        }
        duplicate_onto(File::open("/dev/null")?, libc::STDIN_FILENO)?;
        duplicate_onto(to, libc::STDOUT_FILENO)?;
        let script = std::ffi::CString::new(script)?;
        execv(c"/bin/sh", &[c"sh", c"-c", script.as_c_str()])?;
        Ok(())
    }
}

/// How many processes the limit of this cgroup counts.
fn charged(cgroup: &Path) -> String {
    checks::proc::text(cgroup.join("pids.current"))
}

/// Kills what the script has left.
fn empty(directory: &Path) {
    for pid in checks::proc::text(directory.join("cgroup.procs")).lines() {
        if let Ok(pid) = pid.parse() {
            let _ = kill(Pid::from_raw(pid), libc::SIGKILL);
        }
    }
}

fn judge(program: Program) -> Outcome<Judgement> {
    cgroup::make_writable()?;
    let (top, version) = cgroup::make_child("pids", "exercise")?;
    if version == 2 {
        fs::write(top.join("cgroup.subtree_control"), "+pids")?;
    }
    let number = Cell::new(0);
    let start = |limit: u32, script: &str| {
        number.set(number.get() + 1);
        program
            .start(&top, number.get(), limit, script)
            .unwrap_or_else(|error| format!("the container could not be made: {error}"))
    };
    Ok(exercise::judge(&start, &top))
}

fn accepts(program: Program) -> Outcome {
    accepted(judge(program)?)
}

fn rejects(program: Program) -> Outcome {
    rejected(judge(program)?)
}

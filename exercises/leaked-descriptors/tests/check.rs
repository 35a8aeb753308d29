//! What a command has inherited, as `/proc/PID/fd` shows it.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::RawFd;
use std::process::ExitCode;

use checks::child::wait_until;
use checks::{Check, Outcome, Probation, ensure, found, probation, proc};
use kit::sys::descriptor::duplicate_onto;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::execv;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "nothing-else",
            asks: "what is not in keep is not open in the command, whatever its number",
            run: nothing_else,
        },
        Check {
            id: "kept",
            asks: "what is in keep is open in the command, under its number",
            run: kept,
        },
        Check {
            id: "still-usable",
            asks: "until the execve every descriptor still works",
            run: still_usable,
        },
        Check {
            id: "wrong-number",
            asks: "a number in keep that is not open is an error",
            run: wrong_number,
        },
    ])
}

/// What the process has open before it calls the submission, by number. `dup2` does not set close-on-exec.
fn open(what: &[(RawFd, &str)]) -> Outcome {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 8192, hard.max(8192))?;
    for &(number, path) in what {
        duplicate_onto(File::open(path)?, number)?;
    }
    Ok(())
}

/// Opens these, seals with `keep`, executes a command, and returns what that has open besides 0, 1 and 2.
fn inherited(what: &[(RawFd, &str)], keep: &[RawFd]) -> Outcome<BTreeMap<RawFd, String>> {
    let command = probation(0, || -> Outcome<()> {
        open(what)?;
        if let Err(errno) = exercise::seal(keep) {
            return found!(
                "refused",
                "seal({keep:?}) failed, though all of them are open: {} ({errno:?})",
                errno.desc()
            );
        }
        let arguments: [&CStr; 2] = [c"sleep", c"60"];
        execv(c"/bin/busybox", &arguments)?;
        Ok(())
    })?;
    match executed(&command) {
        true => {
            let mut open = proc::descriptors(command.pid);
            open.retain(|number, _| *number > 2);
            Ok(open)
        }
        false => Err(command
            .outcome::<()>()
            .err()
            .unwrap_or_else(|| checks::Finding::new("ended", "it has ended"))),
    }
}

fn executed(command: &Probation) -> bool {
    let program = format!("/proc/{}/exe", command.pid);
    let ended = wait_until(|| match proc::link(&program) {
        link if link.ends_with("/busybox") => Some(true),
        _ => (!proc::lives(command.pid)).then_some(false),
    });
    ended == Some(true)
}

fn nothing_else() -> Outcome {
    let open = inherited(
        &[
            (50, "/etc"),
            (60, "/root"),
            (90, "/etc/passwd"),
            (5000, "/home"),
        ],
        &[50, 90],
    )?;
    let extra = open.iter().find(|(number, _)| ![50, 90].contains(number));
    if let Some((number, what)) = extra {
        let place = match number {
            ..90 => "between",
            90..1024 => "low",
            _ => "high",
        };
        return found!(
            format!("open-{place}"),
            "the command was meant to have 50 and 90, and /proc/PID/fd has {number} -> {what} as well"
        );
    }
    Ok(())
}

fn kept() -> Outcome {
    let open = inherited(&[(70, "/etc/passwd"), (40, "/home")], &[70, 40])?;
    for (number, what) in [(70, "/etc/passwd"), (40, "/home")] {
        match open.get(&number) {
            Some(is) if is == what => {}
            Some(is) => {
                return found!(
                    "other",
                    "descriptor {number} should be {what}, and in the command it is {is}"
                );
            }
            None => {
                return found!(
                    "lost",
                    "descriptor {number} ({what}) was to be kept, and /proc/PID/fd of the command has only {open:?}"
                );
            }
        }
    }
    Ok(())
}

fn still_usable() -> Outcome {
    let process = probation(0, || {
        let other = File::open("/etc/passwd")?;
        exercise::seal(&[])?;
        Ok(other.metadata().is_ok())
    })?;
    match process.outcome::<bool>() {
        Ok(true) => Ok(()),
        // The pipe on which the process reports was one of them.
        Ok(false) => found!("closed", "{CLOSED}"),
        Err(finding) if finding.code == "ended" => found!("closed", "{CLOSED}"),
        Err(finding) => Err(finding),
    }
}

const CLOSED: &str = "what was open before seal is closed after it, and no execve has happened yet: the caller could not even \
                      report that the command was not found";

fn wrong_number() -> Outcome {
    probation(0, || match exercise::seal(&[777]) {
        Err(Errno::EBADF) => Ok(()),
        Err(errno) => found!(
            "other-error",
            "777 is not open: EBADF was expected, and seal said {errno:?}"
        ),
        Ok(()) => found!(
            "ignored",
            "777 is not open, was to be kept, and seal said that all is well"
        ),
    })?
    .outcome()
}

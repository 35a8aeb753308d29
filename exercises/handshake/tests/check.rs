//! What the handshake must do, as the kernel sees it.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use checks::child::wait_until;
use checks::{Check, Outcome, ensure, found, probation, proc};
use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, getpid, getuid, setresgid, setresuid};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "waits",
            asks: "the child runs nothing before it is mapped",
            run: waits,
        },
        Check {
            id: "failed-attach",
            asks: "when the parent's part fails, the child ends without having run, and no zombie is left",
            run: failed_attach,
        },
        Check {
            id: "dead-parent",
            asks: "when the parent is killed, the child ends without having run",
            run: dead_parent,
        },
        Check {
            id: "maps",
            asks: "an ordinary user can map itself to root",
            run: maps,
        },
    ])
}

/// A program that says which user it runs as.
fn say_user(mut to: &PipeWriter) -> u8 {
    u8::from(write!(to, "{}", getuid()).is_err())
}

fn heard(from: PipeReader, to: PipeWriter) -> Outcome<String> {
    drop(to);
    let mut text = String::new();
    (&from).read_to_string(&mut text)?;
    Ok(text)
}

fn waits() -> Outcome {
    let (from, to) = io::pipe()?;
    let parent = probation(0, || {
        let attach = |pid: Pid| {
            // The child has all the time it could want to be too early.
            sleep(Duration::from_millis(100));
            fs::write(format!("/proc/{pid}/gid_map"), "0 0 1")?;
            fs::write(format!("/proc/{pid}/uid_map"), "0 0 1")
        };
        match exercise::start(|| say_user(&to), attach) {
            Ok(pid) => Ok(waitpid(pid, None)? == WaitStatus::Exited(pid, 0)),
            Err(error) => found!(
                "start-failed",
                "start failed although everything was in order: {error}"
            ),
        }
    })?;
    let ran_well: bool = parent.outcome()?;
    match heard(from, to)?.as_str() {
        "0" => {}
        "" => {
            return found!(
                "never-ran",
                "the gate was opened, and the program has not run"
            );
        }
        user => {
            return found!(
                "ran-unmapped",
                "the child ran as user {user}: it did not wait, and its /proc/PID/uid_map was still empty"
            );
        }
    }
    ensure!(
        ran_well,
        "exit-lost",
        "the program returned 0, but the child's exit code is another"
    );
    Ok(())
}

fn failed_attach() -> Outcome {
    let (from, to) = io::pipe()?;
    let parent = probation(0, || {
        let refuse = |_| {
            sleep(Duration::from_millis(50));
            Err(io::Error::other("refused by the check"))
        };
        let started = exercise::start(|| say_user(&to), refuse);
        ensure!(
            started.is_err(),
            "error-lost",
            "attach failed, and start returned Ok all the same"
        );
        // A child that is about to end may do so; then it must have been waited for.
        sleep(Duration::from_millis(50));
        let left = proc::children(getpid().as_raw());
        let Some(child) = left.first() else {
            return Ok(());
        };
        ensure!(
            proc::lives(child),
            "zombie",
            "the child has ended and is still there: /proc/{child}/status says {}",
            proc::describe(child)
        );
        found!(
            "left-running",
            "start has failed, and its child still runs: {}",
            proc::describe(child)
        )
    })?;
    let () = parent.outcome()?;
    let user = heard(from, to)?;
    ensure!(
        user.is_empty(),
        "ran-anyway",
        "attach failed, and the child ran the program as user {user}"
    );
    Ok(())
}

fn dead_parent() -> Outcome {
    let (from, to) = io::pipe()?;
    let (born, tell) = io::pipe()?;
    // Orphans come to us, so that we can tell whether they end.
    nix::sys::prctl::set_child_subreaper(true)?;
    let mut parent = probation(0, || {
        let tell_and_hang = |pid: Pid| {
            write!(&tell, "{pid} ")?;
            sleep(Duration::from_secs(60));
            Ok(())
        };
        exercise::start(|| say_user(&to), tell_and_hang)
            .map(drop)
            .map_err(Into::into)
    })?;
    drop(tell);
    let mut pid = [0; 16];
    let length = (&born).read(&mut pid)?;
    let Ok(child) = String::from_utf8_lossy(&pid[..length])
        .trim()
        .parse::<i32>()
    else {
        // It has not come to attach: it says why.
        return parent.outcome();
    };
    parent.signal(libc::SIGKILL)?;
    parent.wait()?;
    let ended = wait_until(|| {
        let status = waitpid(Pid::from_raw(child), Some(WaitPidFlag::WNOHANG));
        (status != Ok(WaitStatus::StillAlive)).then_some(())
    });
    if ended.is_none() {
        let (state, held) = (proc::describe(child), proc::descriptors(child));
        let pipes = held
            .iter()
            .filter(|(number, what)| **number > 2 && what.starts_with("pipe:"));
        let pipes: Vec<_> = pipes
            .map(|(number, what)| format!("{number} -> {what}"))
            .collect();
        return found!(
            "hangs",
            "the parent is dead, and the child waits for ever: {state}, with {} open in /proc/{child}/fd",
            pipes.join(", ")
        );
    }
    let user = heard(from, to)?;
    ensure!(
        user.is_empty(),
        "ran-anyway",
        "the parent was killed, and the child ran the program as user {user}"
    );
    Ok(())
}

fn maps() -> Outcome {
    const SOMEBODY: u32 = 1000;
    probation(0, || {
        setresgid(Gid::from_raw(SOMEBODY), Gid::from_raw(SOMEBODY), Gid::from_raw(SOMEBODY))?;
        setresuid(Uid::from_raw(SOMEBODY), Uid::from_raw(SOMEBODY), Uid::from_raw(SOMEBODY))?;
        // A change of user hides /proc/self from the user itself, and from whoever would map its children.
        nix::sys::prctl::set_dumpable(true)?;
        let child = probation(libc::CLONE_NEWUSER, || {
            sleep(Duration::from_secs(60));
            Ok(())
        })?;
        let result = exercise::map_ids(child.pid, SOMEBODY, SOMEBODY);
        let shown = |file: &str| {
            let text = proc::text(format!("/proc/{}/{file}", child.pid));
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let (uids, gids, groups) = (shown("uid_map"), shown("gid_map"), shown("setgroups"));
        if let Err(error) = result {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            return found!(
                format!("refused-{errno:?}"),
                "as user {SOMEBODY}, map_ids failed ({error}). The child's files: setgroups is {groups:?}, gid_map is \
                 {gids:?}, uid_map is {uids:?}"
            );
        }
        ensure!(uids == "0 1000 1", "uids", "the child's uid_map is {uids:?}, and should be \"0 1000 1\"");
        ensure!(gids == "0 1000 1", "gids", "the child's gid_map is {gids:?}, and should be \"0 1000 1\"");
        Ok(())
    })?
    .outcome()
}

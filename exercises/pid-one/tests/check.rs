//! What a PID 1 must do, seen from outside its PID namespace.

use std::io::{self, PipeReader, Read, Write};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use checks::child::wait_until;
use checks::{Check, Outcome, Probation, ensure, found, probation, proc};
use kit::sys::branch::branch;
use kit::sys::process::{kill, sigwait_any};
use nix::sys::signal::SigSet;
use nix::sys::wait::waitpid;
use nix::unistd::getpid;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "exit-code",
            asks: "it ends with the command's exit code",
            run: exit_code,
        },
        Check {
            id: "signal-code",
            asks: "it ends with 128 + n when signal n has ended the command",
            run: signal_code,
        },
        Check {
            id: "orphan",
            asks: "an orphan that ends does not stay a zombie, and does not end the container",
            run: orphan,
        },
        Check {
            id: "orphans",
            asks: "of several orphans that end at once, none stays a zombie",
            run: orphans,
        },
        Check {
            id: "signals",
            asks: "the command gets the signals that are sent to PID 1",
            run: signals,
        },
        Check {
            id: "ends",
            asks: "it ends when the command has ended, whoever else still runs",
            run: ends,
        },
    ])
}

/// Starts the submission as PID 1 of a PID namespace, with `command` as its child.
fn container(command: impl FnOnce() -> u8) -> Outcome<Probation> {
    probation(libc::CLONE_NEWPID, || {
        SigSet::all().thread_set_mask()?;
        let (pid, _pidfd) = branch(0, command)?;
        Ok(exercise::init(pid))
    })
}

fn sleep_long() -> u8 {
    sleep(Duration::from_secs(60));
    0
}

/// In the command: a process whose parent has ended. It ends when it has read a byte from `go`.
fn make_orphan(mut go: &PipeReader) -> nix::Result<()> {
    let (pid, _pidfd) = branch(0, || {
        let orphan = branch(0, || u8::from(go.read_exact(&mut [0; 1]).is_err()));
        u8::from(orphan.is_err())
    })?;
    waitpid(pid, None).map(drop)
}

fn exit_code() -> Outcome {
    let code: u8 = container(|| 7)?.outcome()?;
    ensure!(
        code == 7,
        "wrong",
        "the command exited with code 7, and PID 1 would end with {code}"
    );
    Ok(())
}

fn signal_code() -> Outcome {
    let code: u8 = container(|| {
        let _ = kill(getpid(), libc::SIGKILL);
        0
    })?
    .outcome()?;
    ensure!(
        code == 137,
        "wrong",
        "SIGKILL, which is signal 9, ended the command; PID 1 would end with {code}, and 128 + 9 is 137"
    );
    Ok(())
}

/// The zombies among the children of PID 1, as `/proc/PID/status` names them.
fn zombies(init: &Probation) -> Vec<i32> {
    let children = proc::children(init.pid.as_raw());
    children
        .into_iter()
        .filter(|pid| !proc::lives(pid))
        .collect()
}

fn orphan() -> Outcome {
    let (go, mut release) = io::pipe()?;
    let init = container(|| u8::from(make_orphan(&go).is_err()) + sleep_long())?;
    let is_there = wait_until(|| (proc::children(init.pid.as_raw()).len() == 2).then_some(()));
    if is_there.is_none() {
        return too_early(init);
    }
    release.write_all(b"!")?;
    settle(init, "an orphan has ended")
}

/// PID 1 has not come so far as to have orphans: what it has to say.
fn too_early(init: Probation) -> Outcome {
    match init.outcome::<u8>() {
        Ok(code) => found!(
            "ended-early",
            "the command still ran, and PID 1 ended with {code}: that has killed the command"
        ),
        Err(finding) => Err(finding),
    }
}

/// After orphans have ended: the command is the only child that PID 1 may have, and it lives.
fn settle(init: Probation, what: &str) -> Outcome {
    let settled = wait_until(|| {
        let children = proc::children(init.pid.as_raw());
        (children.len() <= 1 && zombies(&init).is_empty()).then_some(())
    });
    // A PID 1 that is about to end has time to do so.
    sleep(Duration::from_millis(50));
    match settled {
        Some(_) if !proc::lives(init.pid) => too_early(init),
        Some(_) => Ok(()),
        None => {
            let left = zombies(&init);
            let first = left.first().copied().unwrap_or_default();
            found!(
                "zombies",
                "{what}, and PID 1 has not waited for {}: /proc/{first}/status says State: {}, PPid: {} (your PID 1)",
                if left.len() == 1 {
                    "it".to_owned()
                } else {
                    format!("{} of them", left.len())
                },
                proc::describe(first),
                init.pid
            )
        }
    }
}

fn orphans() -> Outcome {
    const MANY: usize = 5;
    let (go, mut release) = io::pipe()?;
    let init = container(|| {
        let made = (0..MANY).try_for_each(|_| make_orphan(&go));
        u8::from(made.is_err()) + sleep_long()
    })?;
    let are_there =
        wait_until(|| (proc::children(init.pid.as_raw()).len() == MANY + 1).then_some(()));
    if are_there.is_none() {
        return too_early(init);
    }
    // While PID 1 is stopped, all of them end: their signals become one.
    init.signal(libc::SIGSTOP)?;
    let stopped =
        wait_until(|| proc::status(init.pid, "State").filter(|state| state.starts_with('T')));
    ensure!(
        stopped.is_some(),
        "check-broken",
        "PID 1 could not be stopped"
    );
    release.write_all(&[0; MANY])?;
    let ended = wait_until(|| (zombies(&init).len() == MANY).then_some(()));
    ensure!(
        ended.is_some(),
        "check-broken",
        "the orphans have not ended"
    );
    init.signal(libc::SIGCONT)?;
    settle(init, "five orphans have ended at once")
}

fn signals() -> Outcome {
    let (mut ready, tell) = io::pipe()?;
    let mut init = container(|| {
        let mut tell = &tell;
        let _ = tell.write_all(b"!");
        match sigwait_any() {
            Ok(libc::SIGUSR1) => 42,
            _ => 1,
        }
    })?;
    drop(tell);
    let _ = ready.read(&mut [0; 1])?;
    init.signal(libc::SIGUSR1)?;
    if !init.ends() {
        let children = proc::children(init.pid.as_raw());
        let command = children.first().copied().unwrap_or_default();
        let pending = proc::status(command, "ShdPnd").unwrap_or_default();
        return found!(
            "lost",
            "SIGUSR1 was sent to PID 1, and the command has not got it: /proc/{command}/status says ShdPnd: {pending} \
             (a signal that waits would be a bit of it)"
        );
    }
    let code: u8 = init.outcome()?;
    ensure!(
        code == 42,
        "other",
        "SIGUSR1 was sent to PID 1, and the command got something else (it ended with {code})"
    );
    Ok(())
}

fn ends() -> Outcome {
    let (go, release) = io::pipe()?;
    let mut init = container(|| u8::from(make_orphan(&go).is_err()))?;
    if !init.ends() {
        let children = proc::children(init.pid.as_raw());
        let lives = children.iter().filter(|pid| proc::lives(pid)).count();
        init.signal(libc::SIGKILL)?;
        init.wait()?;
        return found!(
            "stays",
            "the command has ended, and PID 1 still runs, as do {lives} others of its namespace: the container never ends"
        );
    }
    drop(release);
    init.outcome::<u8>().map(drop)
}

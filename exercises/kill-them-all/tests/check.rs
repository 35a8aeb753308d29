//! Who is left after everybody was to be killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use checks::child::wait_until;
use checks::{Check, Outcome, Probation, cgroup, ensure, found, probation, proc};
use kit::sys::branch::branch;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::SigSet;
use nix::unistd::setsid;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "plain",
            asks: "processes that sleep are killed, whatever signals they block",
            run: plain,
        },
        Check {
            id: "forked-meanwhile",
            asks: "so are those that are forked while the list is read",
            run: forked_meanwhile,
        },
        Check {
            id: "below",
            asks: "so are those in a cgroup below",
            run: below,
        },
        Check {
            id: "others",
            asks: "nobody else dies",
            run: others,
        },
        Check {
            id: "stuck",
            asks: "it gives up when somebody does not end",
            run: stuck,
        },
    ])
}

fn group() -> Outcome<PathBuf> {
    cgroup::make_writable()?;
    Ok(cgroup::make_child("pids", "exercise")?.0)
}

/// A process in the cgroup `directory` that runs `body`.
fn inmate(directory: &Path, body: impl FnOnce()) -> Outcome {
    let (pid, _pidfd) = branch(0, || {
        let joined = fs::write(directory.join("cgroup.procs"), "0");
        if joined.is_ok() {
            body();
        }
        u8::from(joined.is_err())
    })?;
    let is_in = wait_until(|| listed(directory).contains(&pid.as_raw()).then_some(()));
    ensure!(
        is_in.is_some() || !proc::lives(pid),
        "check-broken",
        "a process could not join its cgroup"
    );
    Ok(())
}

fn listed(directory: &Path) -> Vec<i32> {
    let list = proc::text(directory.join("cgroup.procs"));
    list.lines().filter_map(|line| line.parse().ok()).collect()
}

fn stubborn() {
    let _ = SigSet::all().thread_set_mask();
    let _ = setsid();
    sleep(Duration::from_secs(60));
}

/// Runs the submission in a process of its own, since it may kill what it sees.
fn kill_all(directory: &Path) -> Outcome {
    let directory = directory.to_owned();
    let process = probation(0, || -> Outcome<Option<String>> {
        Ok(exercise::kill_all(&directory)
            .err()
            .map(|error| error.to_string()))
    })?;
    match process.outcome::<Option<String>>()? {
        Some(error) => found!("failed", "kill_all failed: {error}"),
        None => Ok(()),
    }
}

/// A process that has been killed may take a moment to die; one that has not does not die at all.
fn nobody_left(directory: &Path, what: &str) -> Outcome {
    if wait_until(|| listed(directory).is_empty().then_some(())).is_some() {
        return Ok(());
    }
    let left = listed(directory);
    found!(
        "left",
        "kill_all has returned, and {what} is not empty: {} processes, among them {}, {}",
        left.len(),
        left.first().copied().unwrap_or_default(),
        proc::describe(left.first().copied().unwrap_or_default())
    )
}

fn plain() -> Outcome {
    let directory = group()?;
    for _ in 0..3 {
        inmate(&directory, stubborn)?;
    }
    kill_all(&directory)?;
    nobody_left(&directory, "cgroup.procs")
}

/// A list that plays what a fork bomb does, the same way each time: whenever the process in it has been killed, there is
/// another, which was forked just before.
fn forked_meanwhile() -> Outcome {
    let directory = Path::new("/tmp/bomb");
    fs::create_dir_all("/tmp/lists")?;
    fs::create_dir(directory)?;
    std::os::unix::fs::symlink("/tmp/lists/current", directory.join("cgroup.procs"))?;
    // A cgroup in which no file can be made, as in every other; this one has no cgroup.kill, as none has on v1.
    let flags = MsFlags::MS_BIND;
    let none = None::<&str>;
    mount(Some(directory), directory, none, flags, none)?;
    mount(
        none,
        directory,
        none,
        flags | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY,
        none,
    )?;
    let list = |text: String| {
        fs::write("/tmp/lists/next", text)
            .and_then(|()| fs::rename("/tmp/lists/next", "/tmp/lists/current"))
    };
    let inmates = (0..6).map(|_| probation(0, || -> Outcome { Ok(stubborn()) }));
    let mut inmates: Vec<Probation> = inmates.collect::<Outcome<_>>()?;
    list(format!("{}\n", inmates[0].pid))?;
    let submission = probation(0, || -> Outcome<bool> {
        Ok(exercise::kill_all(directory).is_ok())
    })?;
    for number in 0..inmates.len() {
        if !inmates[number].ends() {
            return found!(
                "left",
                "process {} was forked while kill_all was at work on those before it, and it is alive: {}",
                inmates[number].pid,
                proc::describe(inmates[number].pid)
            );
        }
        let next = inmates
            .get(number + 1)
            .map(|inmate| format!("{}\n", inmate.pid));
        list(next.unwrap_or_default())?;
        inmates[number].wait()?;
    }
    ensure!(
        submission.outcome::<bool>()?,
        "failed",
        "nobody is left, and kill_all has failed"
    );
    Ok(())
}

fn below() -> Outcome {
    let directory = group()?;
    let below = directory.join("below");
    fs::create_dir(&below)?;
    inmate(&below, stubborn)?;
    kill_all(&directory)?;
    nobody_left(&below, "cgroup.procs of the cgroup below")
}

fn others() -> Outcome {
    let directory = group()?;
    inmate(&directory, stubborn)?;
    let bystander: Probation = probation(0, || {
        sleep(Duration::from_secs(60));
        Ok(())
    })?;
    let killed = kill_all(&directory);
    sleep(Duration::from_millis(20));
    ensure!(
        proc::lives(bystander.pid),
        "killed",
        "a process that was in no cgroup of the container has died too: {}",
        proc::describe(bystander.pid)
    );
    killed
}

/// A cgroup that never becomes empty: its list is a file of ours, with a pid that nobody has.
fn stuck() -> Outcome {
    fs::create_dir("/tmp/stuck")?;
    fs::write("/tmp/stuck/cgroup.procs", "4194303\n")?;
    let mut process = probation(0, || -> Outcome<bool> {
        Ok(exercise::kill_all(Path::new("/tmp/stuck")).is_err())
    })?;
    let deadline = Instant::now() + Duration::from_secs(8);
    while Instant::now() < deadline && !process.ends() {}
    if !process.ends() {
        process.signal(libc::SIGKILL)?;
        process.wait()?;
        return found!(
            "waits",
            "a process that does not end was in the list, and kill_all was still waiting for it after eight seconds"
        );
    }
    match process.outcome::<bool>()? {
        true => Ok(()),
        false => found!(
            "gave-up-silently",
            "a process is still in the list, and kill_all returned Ok"
        ),
    }
}

//! Whether a command could do anything before its limits held, and what is left of its cgroup.

use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use checks::child::wait_until;
use checks::{Check, Finding, Outcome, cgroup, ensure, found, proc};
use nix::mount::{MsFlags, mount};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "inside",
            asks: "the command is in its cgroup at its first instruction",
            run: inside,
        },
        Check {
            id: "children",
            asks: "so are the children that it starts at once",
            run: children,
        },
        Check {
            id: "limited",
            asks: "the limit holds for its first fork",
            run: limited,
        },
        Check {
            id: "refused",
            asks: "a command that cannot join does not run",
            run: refused,
        },
        Check {
            id: "bad-limit",
            asks: "a limit that the kernel refuses is an error, and leaves nothing behind",
            run: bad_limit,
        },
        Check {
            id: "caller",
            asks: "the caller stays where it was",
            run: caller,
        },
        Check {
            id: "removed",
            asks: "remove leaves neither the command nor the cgroup",
            run: removed,
        },
    ])
}

/// A cgroup to work below, on whichever version has the controller `pids`.
fn parent() -> Outcome<(PathBuf, u8)> {
    cgroup::make_writable()?;
    let (parent, version) = cgroup::make_child("pids", "exercise")?;
    if version == 2 {
        fs::write(parent.join("cgroup.subtree_control"), "+pids")?;
    }
    Ok((parent, version))
}

fn start(cgroup: &Path, limits: &[(&str, &str)], script: &CStr) -> Outcome<Pid> {
    exercise::start(cgroup, limits, &[c"/bin/sh", c"-c", script])
        .map_err(|error| Finding::new("start-failed", format!("start failed: {error}")))
}

/// What the script has written to this file, when it has come so far.
fn said(file: &str) -> Outcome<String> {
    let text = wait_until(|| {
        fs::read_to_string(file)
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    text.ok_or_else(|| Finding::new("never-ran", "the command has not run"))
}

fn lines_of(text: &str, wanted: &str) -> bool {
    text.lines()
        .any(|line| line.ends_with(&format!("/{wanted}")))
}

fn inside() -> Outcome {
    let (parent, _) = parent()?;
    start(
        &parent.join("container"),
        &[],
        c"cat /proc/self/cgroup > /tmp/seen; echo >> /tmp/seen; sleep 60",
    )?;
    let seen = said("/tmp/seen")?;
    ensure!(
        lines_of(&seen, "container"),
        "outside",
        "at its first instruction the command's /proc/self/cgroup did not name the new cgroup:\n{}",
        seen.trim()
    );
    Ok(())
}

fn children() -> Outcome {
    let (parent, version) = parent()?;
    start(
        &parent.join("container"),
        &[],
        c"sleep 61 & echo $! > /tmp/child; sleep 60",
    )?;
    let child: i32 = said("/tmp/child")?.trim().parse().unwrap_or_default();
    sleep(Duration::from_millis(300));
    let place = cgroup::of(child, "pids", version);
    ensure!(
        place.ends_with("/container"),
        "escaped",
        "a child that the command started at once is in {place}, says /proc/{child}/cgroup, and will stay there"
    );
    Ok(())
}

fn limited() -> Outcome {
    let (parent, _) = parent()?;
    let script = c"sleep 61 & sleep 61 & sleep 61 & sleep 61 & echo all > /tmp/all; sleep 60";
    start(&parent.join("container"), &[("pids.max", "3")], script)?;
    sleep(Duration::from_millis(500));
    let max = proc::text(parent.join("container/pids.max"));
    let forked = proc::text("/tmp/all") == "all";
    ensure!(
        !forked,
        "late",
        "with pids.max {max} asked for, the command started four processes: the limit came too late, or not at all"
    );
    ensure!(
        max == "3",
        "not-written",
        "pids.max of the cgroup is {max}, and 3 was asked for"
    );
    Ok(())
}

fn refused() -> Outcome {
    // Room for one directory and no file: the write to cgroup.procs fails, as it may on a cgroup for many reasons.
    fs::create_dir("/tmp/full")?;
    let options = Some("nr_inodes=2");
    mount(
        Some("full"),
        "/tmp/full",
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )?;
    let script = c"echo > /tmp/ran";
    let _ = exercise::start(
        Path::new("/tmp/full/container"),
        &[],
        &[c"/bin/sh", c"-c", script],
    );
    sleep(Duration::from_millis(300));
    ensure!(
        !Path::new("/tmp/ran").exists(),
        "ran",
        "cgroup.procs could not be written (ENOSPC), and the command has run all the same, without its cgroup"
    );
    Ok(())
}

fn bad_limit() -> Outcome {
    let (parent, _) = parent()?;
    let container = parent.join("container");
    let started = exercise::start(
        &container,
        &[("pids.max", "many")],
        &[c"/bin/sh", c"-c", c"echo > /tmp/ran"],
    );
    sleep(Duration::from_millis(50));
    ensure!(
        started.is_err(),
        "accepted",
        "pids.max does not take \"many\" (EINVAL), and start returned Ok"
    );
    ensure!(
        !Path::new("/tmp/ran").exists(),
        "ran",
        "the limit could not be written, and the command has run without it"
    );
    ensure!(
        !container.exists(),
        "left",
        "start has failed, and {} is still there",
        container.display()
    );
    Ok(())
}

fn caller() -> Outcome {
    let (parent, version) = parent()?;
    let before = cgroup::of(std::process::id() as i32, "pids", version);
    start(&parent.join("container"), &[], c"sleep 60")?;
    let after = cgroup::of(std::process::id() as i32, "pids", version);
    ensure!(
        before == after,
        "moved",
        "start was called from the cgroup {before}, and the caller is now in {after}"
    );
    Ok(())
}

fn removed() -> Outcome {
    let (parent, _) = parent()?;
    let container = parent.join("container");
    let pid = start(&container, &[], c"sleep 60")?;
    if let Err(error) = exercise::remove(&container, pid) {
        let left = proc::text(container.join("cgroup.procs"));
        return found!(
            "too-early",
            "remove failed: {error}. In cgroup.procs: {left:?}"
        );
    }
    ensure!(
        !container.exists(),
        "left",
        "{} is still there",
        container.display()
    );
    let status = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    ensure!(
        status != Ok(WaitStatus::StillAlive),
        "too-early",
        "the command still runs: {}",
        proc::describe(pid)
    );
    Ok(())
}

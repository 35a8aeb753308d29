//! What the program of step 03 must do besides.

use std::fs;
use std::path::{Path, PathBuf};

use checks::child::wait_until;
use checks::{Check, Outcome, cgroup, ensure, found, proc};

use super::subject::{root, run, run_in_root, sleeping};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "memory",
        asks: "--memory is the limit of the cgroup that the command is in",
        run: || {
            limit(
                "memory",
                &["--memory", "64m"],
                &["memory.limit_in_bytes", "memory.max"],
                "67108864",
            )
        },
    },
    Check {
        id: "pids",
        asks: "--pids-limit likewise",
        run: || limit("pids", &["--pids-limit", "17"], &["pids.max"], "17"),
    },
    Check {
        id: "cpus",
        asks: "--cpus 0.5 is half a period of quota",
        run: cpus,
    },
    Check {
        id: "from-the-start",
        asks: "the limit holds from the command's first instruction on",
        run: from_the_start,
    },
    Check {
        id: "oom",
        asks: "a command that the kernel kills for its memory is 137, and the program says why",
        run: oom,
    },
    Check {
        id: "leaves-nothing",
        asks: "no cgroup is left when the container has ended, however it ended",
        run: leaves_nothing,
    },
    Check {
        id: "bad-size",
        asks: "a limit that is no size is refused",
        run: bad_size,
    },
];

/// The cgroup directory of a process, found by walking those below the cell's.
fn directory_of(pid: i32, controller: &str) -> Outcome<(PathBuf, u8)> {
    let (own, version) = cgroup::own(controller)?;
    let wanted = pid.to_string();
    let mut left = vec![own];
    while let Some(directory) = left.pop() {
        if proc::text(directory.join("cgroup.procs"))
            .lines()
            .any(|line| line == wanted)
        {
            return Ok((directory, version));
        }
        left.extend(children(&directory));
    }
    found!(
        "elsewhere",
        "the command is in no cgroup below the program's own: {}",
        cgroup::of(pid, controller, version)
    )
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

fn limit(controller: &str, options: &[&str], files: &[&str], expected: &str) -> Outcome {
    let value = values(controller, options, files)?;
    ensure!(
        value == expected,
        "not-limited",
        "with {}, the command's cgroup has {} = {value}, and {expected} was asked for",
        options.join(" "),
        files.last().unwrap_or(&"")
    );
    Ok(())
}

/// The contents of the first of `files` that the command's cgroup has.
fn values(controller: &str, options: &[&str], files: &[&str]) -> Outcome<String> {
    let root = root();
    let mut arguments = vec!["--rootfs", root.to_str().unwrap_or_default()];
    arguments.extend(options);
    let (mut child, pid) = sleeping(&arguments)?;
    let found = directory_of(pid, controller).map(|(directory, _)| {
        let file = files
            .iter()
            .map(|file| directory.join(file))
            .find(|file| file.is_file());
        file.map(proc::text).unwrap_or_default()
    });
    child.kill()?;
    child.wait()?;
    found
}

fn cpus() -> Outcome {
    let options = ["--cpus", "0.5"];
    let quota = values("cpu", &options, &["cpu.cfs_quota_us", "cpu.max"])?;
    let halves = match quota.split_once(' ') {
        Some((quota, period)) => ratio(quota, period),
        None => ratio(&quota, &values("cpu", &options, &["cpu.cfs_period_us"])?),
    };
    ensure!(
        halves == Some(0.5),
        "not-limited",
        "with --cpus 0.5 the command's cgroup has a quota of {quota}"
    );
    Ok(())
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

fn from_the_start() -> Outcome {
    // The shell's first act is to fork more than it may.
    let script = "i=0; while [ $i -lt 12 ]; do sleep 1 & i=$((i+1)); done; echo forked";
    let ran = run_in_root(&["--pids-limit", "6"], &["sh", "-c", script])?;
    ensure!(
        !ran.out.contains("forked"),
        "late",
        "with --pids-limit 6 the command started 12 processes at once: it was not in its cgroup yet"
    );
    Ok(())
}

fn oom() -> Outcome {
    let script = "x=x; while true; do x=$x$x; done";
    let ran = run_in_root(&["--memory", "16m"], &["sh", "-c", script])?;
    ensure!(
        ran.code == 137,
        "wrong-code",
        "the command used more than its --memory 16m, and the program exited with {}",
        ran.code
    );
    ensure!(
        ran.err.to_lowercase().contains("memory") || ran.err.to_lowercase().contains("oom"),
        "unexplained",
        "the kernel has killed the command for its memory (memory.events or memory.oom_control says so), and the program \
         says nothing about it: {:?}",
        ran.err
    );
    Ok(())
}

fn leaves_nothing() -> Outcome {
    let (own, _) = cgroup::own("pids")?;
    let before = children(&own);
    run_in_root(&["--pids-limit", "20"], &["true"])?;
    let new = || {
        children(&own)
            .into_iter()
            .find(|directory| !before.contains(directory))
    };
    if let Some(left) = new() {
        return found!(
            "left",
            "the container has ended, and its cgroup is still there: {}",
            left.display()
        );
    }
    let root = root();
    let (mut child, _) = sleeping(&[
        "--rootfs",
        root.to_str().unwrap_or_default(),
        "--pids-limit",
        "20",
    ])?;
    child.kill()?;
    child.wait()?;
    let is_clean = wait_until(|| new().is_none().then_some(()));
    ensure!(
        is_clean.is_some(),
        "left-after-kill",
        "the program was killed with SIGKILL, and two seconds later its cgroup is still there: {}",
        new().unwrap_or_default().display()
    );
    Ok(())
}

fn bad_size() -> Outcome {
    let ran = run(&["--memory", "12x", "true"])?;
    ensure!(
        ran.code == 125,
        "accepted",
        "--memory 12x is no size, and the program exited with {} in place of 125",
        ran.code
    );
    Ok(())
}

//! Attacks by taking all there is.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::answer::{errno, unable};
use crate::bait::{Bait, attackers, status};
use crate::place::PROGRAM;
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "fork-bomb",
        what: "fork until the host can start no process",
        stopped_by: "cgroups",
        means: "`--pids-limit`",
        cves: &[],
        attempt: fork,
        bait: |_| Ok(Bait::seen_by(is_full)),
    },
    Probe {
        slug: "fill-pid-table",
        what: "fill the host's table of pids with threads",
        stopped_by: "cgroups",
        means: "`--pids-limit`, which counts threads",
        cves: &[],
        attempt: fill,
        bait: |_| Ok(Bait::seen_by(is_full)),
    },
    Probe {
        slug: "memory-bomb",
        what: "take the host's memory",
        stopped_by: "cgroups",
        means: "`--memory`",
        cves: &[],
        attempt: take_memory,
        bait: |_| Ok(Bait::seen_by(has_much)),
    },
];

/// More than the host that is attacked lets anybody have.
const TASKS: usize = 1000;
/// What it takes of memory, in MiB: half of the host's, and four times what a container with a limit may have.
const MEMORY: usize = 128;
const MIB: usize = 1 << 20;

fn fork(_: &[String]) -> Attempt {
    for count in 0..TASKS {
        // With our own descriptors: a bare root has no /dev/null.
        let mut command = Command::new("/bin/busybox");
        command.args(["sleep", "1000"]);
        if let Err(error) = command.spawn() {
            return Err(ended(count, "processes", &error));
        }
    }
    Ok(format!("{TASKS} processes"))
}

fn fill(_: &[String]) -> Attempt {
    for count in 0..TASKS {
        let thread = std::thread::Builder::new().stack_size(16 << 10);
        if let Err(error) = thread.spawn(std::thread::park) {
            return Err(ended(count, "threads", &error));
        }
    }
    Ok(format!("{TASKS} threads"))
}

fn ended(count: usize, what: &str, error: &std::io::Error) -> Refusal {
    match count {
        0 => Refusal::NotRun(format!("not one of the {what}: {}", errno(error))),
        _ => Refusal::Stopped(format!("a limit on {what}: {}", errno(error))),
    }
}

fn is_full() -> Option<String> {
    let mut command = Command::new("/bin/busybox");
    match command.arg("true").spawn() {
        Ok(mut child) => {
            let _ = child.wait();
            None
        }
        Err(error) => Some(format!("the host can start no process: {}", errno(&error))),
    }
}

/// In a child, so that somebody is left to tell.
fn take_memory(words: &[String]) -> Attempt {
    if words.first().is_some_and(|word| word == "eat") {
        return Ok(eat());
    }
    let mut child = Command::new(PROGRAM)
        .args(["memory-bomb", "eat"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(unable("start a child"))?;
    let mut first = [0];
    let said = child.stdout.as_mut().map(|pipe| pipe.read(&mut first));
    match said {
        Some(Ok(1)) => Ok(format!("it holds {MEMORY} MiB")),
        _ => match child.wait().map_err(unable("wait for a child"))?.code() {
            None => Err(Refusal::Stopped("a limit on memory: killed".into())),
            Some(code) => Err(Refusal::NotRun(format!("a child ended with {code}"))),
        },
    }
}

/// Every page is written to: memory that is only asked for costs nothing.
fn eat() -> String {
    let mut held = vec![0_u8; MEMORY * MIB];
    held.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    let mut out = std::io::stdout();
    let _ =
        std::io::Write::write_all(&mut out, b".").and_then(|()| std::io::Write::flush(&mut out));
    loop {
        std::thread::park();
        std::hint::black_box(&held);
    }
}

fn has_much() -> Option<String> {
    let resident = |pid| -> Option<usize> { status(pid, "VmRSS")?.split(' ').next()?.parse().ok() };
    let most = attackers().into_iter().filter_map(resident).max()?;
    (most >= MEMORY * 1024).then(|| format!("a process of it holds {MEMORY} MiB"))
}

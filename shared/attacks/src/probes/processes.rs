//! Attacks on the host's processes.

use std::fs;

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::answer::stopped;
use crate::bait::{Bait, Ground, Victim, status};
use crate::place::proc;
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "see-processes",
        what: "see the host's processes, and the secrets in their environments",
        stopped_by: "namespaces",
        means: "a PID namespace and a `/proc` of its own",
        cves: &[],
        attempt: see,
        bait: |ground| Ok(Bait::token().keeping(Victim::start(ground.token)?)),
    },
    Probe {
        slug: "kill-process",
        what: "kill a process of the host",
        stopped_by: "namespaces",
        means: "what has no pid here cannot be signalled",
        cves: &[],
        attempt: kill_it,
        bait: |ground| {
            on_victim(ground, |pid| {
                is_dead(pid).then(|| "the process is dead".into())
            })
        },
    },
    Probe {
        slug: "ptrace-sibling",
        what: "trace a process of another container",
        stopped_by: "namespaces",
        means: "what has no pid here cannot be traced",
        cves: &[],
        attempt: trace,
        bait: |ground| on_victim(ground, traced),
    },
];

fn see(_: &[String]) -> Attempt {
    let proc = proc()?;
    let entries = fs::read_dir(&proc).map_err(stopped("list /proc"))?;
    for entry in entries.flatten() {
        let is_pid = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ).into_owned();
        if let (true, Some(secret)) = (is_pid, environ.strip_prefix("SECRET=")) {
            let pid = entry.file_name();
            return Ok(format!("process {} has {secret}", pid.display()));
        }
    }
    Err(Refusal::Stopped("/proc shows none of them".into()))
}

/// The victim's pid is told: an attacker could try them all.
fn on_victim(ground: &Ground<'_>, look: fn(u32) -> Option<String>) -> std::io::Result<Bait> {
    let victim = Victim::start(ground.token)?;
    let pid = victim.pid();
    Ok(Bait::seen_by(move || look(pid))
        .telling(pid)
        .keeping(victim))
}

fn kill_it(words: &[String]) -> Attempt {
    kill(pid(words)?, Signal::SIGKILL).map_err(stopped("kill"))?;
    Ok("the signal was sent".into())
}

fn trace(words: &[String]) -> Attempt {
    ptrace::attach(pid(words)?).map_err(stopped("attach to it"))?;
    Ok("attached".into())
}

fn pid(words: &[String]) -> Result<Pid, Refusal> {
    let number = words.first().and_then(|word| word.parse().ok());
    number
        .map(Pid::from_raw)
        .ok_or_else(|| Refusal::NotRun("name a pid".into()))
}

/// A process that nobody has waited for yet is a zombie.
fn is_dead(pid: u32) -> bool {
    // The signal is delivered when the victim runs next.
    (0..2000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        status(pid, "State").is_none_or(|state| state.starts_with('Z'))
    })
}

fn traced(pid: u32) -> Option<String> {
    let tracer = status(pid, "TracerPid").filter(|tracer| tracer != "0")?;
    Some(format!("process {tracer} traces it"))
}

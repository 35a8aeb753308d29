//! What the process that waits for a container holds in memory meanwhile.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use super::{Bench, Figure};

/// The most it may hold.
const GOAL_MIB: f64 = 3.0;

pub(super) fn waiting_parent(bench: &Bench) -> Result<Vec<Figure>> {
    let program = bench.program("cgroups")?;
    // It says when it is there, and ends when we close its input.
    let mut child = bench
        .privilege
        .command(&program)
        .args(["run", "-i", "--memory", "64m", "--rootfs"])
        .arg(&bench.rootfs)
        .args(["sh", "-c", "echo up; cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let resident = measure(&mut child, &program);
    drop(child.stdin.take());
    child.wait()?;
    let mib = resident? / 1024.0;
    Ok(vec![Figure {
        name: "waiting parent, resident".to_owned(),
        ours: mib,
        peer: None,
        unit: "MiB",
        value: mib,
        goal: Some(GOAL_MIB),
    }])
}

/// VmRSS in KiB (proc_pid_status(5)) of our program, which is the child or, behind sudo, one of its descendants: the
/// one that is the parent of the container's first process.
fn measure(child: &mut Child, program: &str) -> Result<f64> {
    let mut up = [0; 3];
    child
        .stdout
        .take()
        .context("no output")?
        .read_exact(&mut up)
        .context("the container did not start")?;
    let mut pid = child.id();
    loop {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let name = value(&status, "Name:").unwrap_or_default();
        if program.ends_with(&format!("/{name}")) {
            let resident = value(&status, "VmRSS:").context("the kernel tells no VmRSS")?;
            return Ok(resident.trim_end_matches(" kB").parse()?);
        }
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        match children.split_whitespace().next() {
            Some(next) => pid = next.parse()?,
            None => bail!("the waiting parent is not to be found"),
        }
    }
}

fn value<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

//! Processes that end in a memory cgroup, each in its own way, and what is said of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checks::{Check, Finding, Outcome, cgroup, ensure};
use exercise::Ending;
use kit::sys::branch::branch;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::getpid;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "ordinary",
            asks: "a process that exits has ended by itself",
            run: || says("a process that exits with 3", Ending::Ordinary, || 3),
        },
        Check {
            id: "out-of-memory",
            asks: "a process that the OOM killer has killed is out of memory",
            run: || {
                says(
                    "a process that asks for 64 MiB where it may have 16",
                    Ending::OutOfMemory,
                    ask_for_much,
                )
            },
        },
        Check {
            id: "killed-by-hand",
            asks: "one that somebody has killed is not",
            run: || {
                says(
                    "a process that was sent SIGKILL",
                    Ending::Ordinary,
                    kill_itself,
                )
            },
        },
        Check {
            id: "limit-reached",
            asks: "one that has reached its limit, and whose memory could be taken back, is not",
            run: || {
                says(
                    "a process that reached its limit and was then sent SIGKILL",
                    Ending::Ordinary,
                    reach_the_limit,
                )
            },
        },
        Check {
            id: "child",
            asks: "that the OOM killer has killed another process of the container is said",
            run: || {
                says(
                    "a process whose child asks for 64 MiB, and which then exits",
                    Ending::ChildOutOfMemory,
                    lose_a_child,
                )
            },
        },
        Check {
            id: "unknown",
            asks: "where there is no cgroup, nothing is guessed",
            run: unknown,
        },
    ])
}

const LIMIT: &str = "16777216";

/// A memory cgroup with a limit.
fn limited() -> Outcome<PathBuf> {
    cgroup::make_writable()?;
    let (directory, version) = cgroup::make_child("memory", "exercise")?;
    match version {
        1 => fs::write(directory.join("memory.limit_in_bytes"), LIMIT)?,
        _ => {
            fs::write(directory.join("memory.max"), LIMIT)?;
            // Where there is swap, it would put the end off.
            let _ = fs::write(directory.join("memory.swap.max"), "0");
        }
    }
    if version == 1 {
        let _ = fs::write(directory.join("memory.memsw.limit_in_bytes"), LIMIT);
    }
    Ok(directory)
}

fn says(what: &str, expected: Ending, body: fn() -> u8) -> Outcome {
    let directory = limited()?;
    let (pid, _pidfd) = branch(0, || match fs::write(directory.join("cgroup.procs"), "0") {
        Ok(()) => body(),
        Err(_) => 99,
    })?;
    let status = waitpid(pid, None)?;
    ensure!(
        status != WaitStatus::Exited(pid, 99),
        "check-broken",
        "the cgroup could not be joined"
    );
    let ending = exercise::explain(&directory, status);
    if ending == expected {
        return Ok(());
    }
    Err(Finding::new(
        format!("{ending:?}"),
        format!(
            "{what} ended with {status:?}; the cgroup's files say {}; you say {ending:?}, and it is {expected:?}",
            files(&directory)
        ),
    ))
}

/// What the kernel has counted.
fn files(directory: &Path) -> String {
    let names = [
        "memory.events",
        "memory.oom_control",
        "memory.failcnt",
        "memory.memsw.failcnt",
    ];
    let shown = names.iter().filter_map(|name| {
        let text = fs::read_to_string(directory.join(name)).ok()?;
        Some(format!("{name}: {}", text.trim().replace('\n', ", ")))
    });
    shown.collect::<Vec<_>>().join("; ")
}

fn ask_for_much() -> u8 {
    let mut all = Vec::new();
    for _ in 0..64 {
        all.push(vec![1u8; 1 << 20]);
    }
    u8::from(all.len() != 64)
}

fn kill_itself() -> u8 {
    let _ = kill(getpid(), Signal::SIGKILL);
    1
}

/// Reaches the limit with memory that the kernel may take back, as a page cache is: it takes it, and nobody dies.
fn reach_the_limit() -> u8 {
    for _ in 0..4 {
        if !fill_and_free(12 << 20) {
            return 1;
        }
    }
    kill_itself()
}

fn fill_and_free(bytes: usize) -> bool {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping of its own, written to within its bounds, and then given back lazily; nobody else has it.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return false;
        }
        std::ptr::write_bytes(start.cast::<u8>(), 1, bytes);
        libc::madvise(start, bytes, libc::MADV_FREE) == 0
    }
}

fn lose_a_child() -> u8 {
    let Ok((pid, _pidfd)) = branch(0, ask_for_much) else {
        return 1;
    };
    u8::from(waitpid(pid, None).is_err())
}

fn unknown() -> Outcome {
    let status = WaitStatus::Signaled(getpid(), Signal::SIGKILL, false);
    let ending = exercise::explain(Path::new("/tmp/no-such-cgroup"), status);
    ensure!(
        ending == Ending::Ordinary,
        "guessed",
        "there is no cgroup to ask, and you say {ending:?}"
    );
    Ok(())
}

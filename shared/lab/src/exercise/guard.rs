//! Over one cell: its time, its output, and what its end means.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use checks::Finding;
use checks::protocol::Verdict;
use kit::sys::process::pidfd_open;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::cell::{End, Inmate};

/// How long a check may take. The slowest takes a few seconds.
pub(super) const TIME: Duration = Duration::from_secs(10);

/// What a cell may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// After this it is killed.
    pub time: Duration,
    /// How much of its standard output is kept, in bytes.
    pub stdout: usize,
    /// How much of its standard error.
    pub stderr: usize,
}

/// What a cell came to.
#[derive(Debug)]
pub(super) struct Ran {
    /// `None` if its time was over.
    pub end: Option<End>,
    /// The beginning of its standard output.
    pub stdout: Vec<u8>,
    /// The beginning of its standard error.
    pub stderr: Vec<u8>,
    /// All that it wrote to standard error, in bytes.
    pub printed: u64,
}

/// Starts `cargo lab dev cell` in a process of its own, for it must have one thread, and it can be killed with all that
/// is in the cell. `result` is a file that does not exist.
pub(super) fn run(inmate: &Inmate, allowance: Allowance, result: &Path) -> Result<Ran> {
    let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
    let mut child = Command::new(ourselves)
        .args(["dev", "cell", &serde_json::to_string(inmate)?])
        .arg(result)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start a cell")?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (in_time, stdout, stderr) = std::thread::scope(|scope| {
        let stdout = scope.spawn(|| keep_beginning(stdout, allowance.stdout));
        let stderr = scope.spawn(|| keep_beginning(stderr, allowance.stderr));
        let in_time = ends_within(child.id(), allowance.time);
        if !in_time {
            // The first process of the cell dies with its parent, and everything else in the cell with it.
            let _ = child.kill();
        }
        let _ = child.wait();
        (
            in_time,
            stdout.join().unwrap_or_default(),
            stderr.join().unwrap_or_default(),
        )
    });
    let end = match in_time {
        true => Some(read_end(result, &stderr.0)?),
        false => None,
    };
    Ok(Ran {
        end,
        stdout: stdout.0,
        printed: stderr.1,
        stderr: stderr.0,
    })
}

/// A pidfd becomes readable when its process has ended.
fn ends_within(pid: u32, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    let Ok(pidfd) = pidfd_open(Pid::from_raw(pid as i32)) else {
        return true;
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut set = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut set, timeout) {
            Ok(1..) => return true,
            Ok(_) if left.is_zero() => return false,
            _ => {}
        }
    }
}

fn read_end(result: &Path, stderr: &[u8]) -> Result<End> {
    let Ok(text) = std::fs::read(result) else {
        let why = String::from_utf8_lossy(stderr);
        bail!("a cell could not be made: {}", why.trim());
    };
    std::fs::remove_file(result).context("cannot remove a cell's result")?;
    serde_json::from_slice(&text).context("cannot read a cell's result")
}

/// Reads to the end of file, and keeps the first `most` bytes and the length of all.
fn keep_beginning(pipe: Option<impl Read>, most: usize) -> (Vec<u8>, u64) {
    let (mut kept, mut all) = (Vec::new(), 0);
    let Some(mut pipe) = pipe else {
        return (kept, all);
    };
    let mut buffer = [0; 1 << 16];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        let room = most.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(&buffer[..room]);
        all += length as u64;
    }
    (kept, all)
}

impl Ran {
    /// Only a verdict that was delivered lets a check pass.
    pub(super) fn finding(&self, id: &str) -> Option<Finding> {
        let Some(end) = &self.end else {
            return Some(Finding::new(
                "timeout",
                format!(
                    "your code was still at work after {} s; it and all it had started have been killed",
                    TIME.as_secs()
                ),
            ));
        };
        let verdict = self
            .stdout
            .strip_suffix(b"\n")
            .and_then(|line| serde_json::from_slice::<Verdict>(line).ok());
        match verdict.filter(|verdict| verdict.check == id) {
            // A child that the kernel has killed for want of memory looks like any that was killed.
            Some(verdict) => verdict.finding.map(|mut finding| {
                for note in &end.notes {
                    finding.text.push_str(&format!("; {note}"));
                }
                finding
            }),
            None => Some(no_verdict(end)),
        }
    }
}

fn no_verdict(end: &End) -> Finding {
    if let Some(note) = end.notes.first() {
        return Finding::new(
            "out-of-memory",
            format!("the check could not be finished: {note}"),
        );
    }
    match end.code {
        code @ 129..=192 => {
            let signal = nix::sys::signal::Signal::try_from(i32::from(code) - 128);
            let name = signal.map_or_else(
                |_| format!("signal {}", code - 128),
                |signal| signal.to_string(),
            );
            Finding::new(
                format!("killed-{name}"),
                format!(
                    "the process in which your code ran was killed by {name}: a crash, or your code has killed what it could see"
                ),
            )
        }
        code => Finding::new(
            "ended",
            format!(
                "your code ended the whole process, with exit code {code}, in place of returning"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(end: Option<u8>, stdout: &str) -> Ran {
        Ran {
            end: end.map(|code| End {
                code,
                notes: Vec::new(),
            }),
            stdout: stdout.into(),
            stderr: Vec::new(),
            printed: 0,
        }
    }

    #[test]
    fn nothing_but_its_own_verdict_lets_a_check_pass() {
        let code = |ran: Ran| ran.finding("a").map(|finding| finding.code);
        assert_eq!(
            code(ran(Some(0), "{\"check\":\"a\",\"finding\":null}\n")),
            None
        );
        assert_eq!(
            code(ran(Some(0), "{\"check\":\"b\",\"finding\":null}\n")).as_deref(),
            Some("ended")
        );
        assert_eq!(code(ran(Some(0), "")).as_deref(), Some("ended"));
        assert_eq!(
            code(ran(Some(0), "hello {\"check\":\"a\",\"finding\":null}\n")).as_deref(),
            Some("ended")
        );
        assert_eq!(code(ran(Some(137), "")).as_deref(), Some("killed-SIGKILL"));
        assert_eq!(
            code(ran(None, "{\"check\":\"a\",\"finding\":null}\n")).as_deref(),
            Some("timeout")
        );
        let found = "{\"check\":\"a\",\"finding\":{\"code\":\"x\",\"text\":\"y\"}}\n";
        assert_eq!(code(ran(Some(0), found)).as_deref(), Some("x"));
    }

    #[test]
    fn much_output_is_counted_and_not_kept() {
        let (kept, all) = keep_beginning(Some(&[b'x'; 100_000][..]), 10);
        assert_eq!((kept.len(), all), (10, 100_000));
    }
}

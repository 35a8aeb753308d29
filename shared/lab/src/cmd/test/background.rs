//! What runs beside something else, without a word until it is its turn.

use std::ffi::OsStr;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process::{describe, each_line};

/// A program that has been started. It is killed if nobody waits for it.
#[derive(Debug)]
pub(super) struct Background {
    child: Killed,
    lines: Receiver<String>,
    start: Instant,
    /// Reads until all has been said, and returns when that was.
    reader: JoinHandle<Instant>,
}

impl Background {
    /// Starts it, and keeps what it prints. It gives way to all that runs beside it.
    pub(super) fn start(
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &OsStr)],
        directory: &Path,
    ) -> Result<Self> {
        let (read, write) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = Command::new("nice");
        command
            .args(["-n", "10"])
            .arg(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(write.try_clone().context("cannot duplicate a descriptor")?)
            .stderr(write);
        let child = command
            .spawn()
            .with_context(|| format!("cannot run `{}`", describe(&command)))?;
        // Else our copies of the writing end would keep the pipe open for ever.
        drop(command);
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || {
            // Nobody receives any more once nobody waits; and what cannot be read is its end.
            let _ = each_line(BufReader::new(read), |line| {
                drop(sender.send(line.to_owned()));
            });
            Instant::now()
        });
        Ok(Self {
            child: Killed(child),
            lines,
            start: Instant::now(),
            reader,
        })
    }

    /// Hands each line to `each`, those that have come and then those that come, and waits for the end. Returns how
    /// long the program took, which may have ended long ago.
    pub(super) fn finish(mut self, mut each: impl FnMut(&str)) -> Result<(ExitStatus, Duration)> {
        for line in &self.lines {
            each(&line);
        }
        let status = self.child.0.wait().context("cannot wait for a program")?;
        let end = self.reader.join().unwrap_or_else(|_| Instant::now());
        Ok((status, end - self.start))
    }
}

/// Killed when it is forgotten.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // After `finish` there is nobody to be killed.
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Whether the VM fits beside the tests here: a processor for each, and memory for both.
pub(super) fn has_room() -> bool {
    const NEEDED: u64 = 6 << 20;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    processors > 1 && available(&memory) > NEEDED
}

/// `MemAvailable` of `/proc/meminfo`, in KiB (proc_meminfo(5)).
fn available(meminfo: &str) -> u64 {
    meminfo
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemAvailable:")?
                .trim()
                .strip_suffix(" kB")
        })
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Background {
        Background::start(Path::new("sh"), &["-c", script], &[], Path::new("/")).unwrap()
    }

    #[test]
    fn both_outputs_come_in_their_order_and_the_status_last() {
        let mut lines = Vec::new();
        let (status, _) = shell("echo one; echo two >&2; printf three; exit 4")
            .finish(|line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(status.code(), Some(4));
    }

    #[test]
    fn the_time_is_the_programs_and_not_the_readers() {
        let background = shell("true");
        std::thread::sleep(Duration::from_millis(1500));
        let (_, time) = background.finish(|_| {}).unwrap();
        assert!(time < Duration::from_secs(1), "{time:?}");
    }

    #[test]
    fn what_nobody_waits_for_is_ended() {
        let background = shell("exec sleep 1000");
        let pid = background.child.0.id();
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        drop(background);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn much_that_nobody_reads_yet_stops_nobody() {
        let mut background = shell("seq 100000");
        // It ends before anybody has asked for a line.
        assert!(background.child.0.wait().unwrap().success());
        let mut count = 0;
        background.finish(|_| count += 1).unwrap();
        assert_eq!(count, 100_000);
    }

    #[test]
    fn the_memory_that_is_left_is_read() {
        let text = "MemTotal:       24689764 kB\nMemAvailable:   20000000 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), 20_000_000);
        assert_eq!(available("MemTotal: 1 kB\n"), 0);
    }
}

//! The host's side of a probe: what is laid out, and who judges.

use std::any::Any;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kit::patience::patient;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where bait is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// A word that nobody can guess: whoever says it has read it.
    pub token: &'a str,
    /// The directory that is the root of those containers that have one.
    pub root: &'a Path,
}

/// What is laid out for one probe. Dropped, it is taken away.
#[derive(Default)]
pub struct Bait {
    /// What the attempt is told.
    pub arguments: Vec<String>,
    /// What stands in the environment of whoever starts the container.
    pub environment: Vec<(String, String)>,
    /// What the user of the container asks to have mounted in it.
    pub bind: Option<Bind>,
    /// What the user of the container fetches for it. The attack is then in this, and there is nothing to attempt.
    pub image: Option<Image>,
    /// Who says whether it escaped.
    pub judge: Judge,
    keeps: Vec<Box<dyn Any>>,
}

/// A directory of the host's, and where the container is to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// In the container.
    pub target: PathBuf,
}

/// What a user fetches, by the means that they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// A layer, as an archive that somebody has handed them.
    Archive(Vec<u8>),
    /// An image in a registry, by its name.
    Registry(String),
}

/// Whose word counts.
#[derive(Default)]
pub enum Judge {
    /// The probe's own, which tells what the kernel said: for what leaves no trace.
    #[default]
    Attempt,
    /// The probe has escaped if it says the ground's token.
    Token,
    /// The host looks: what it sees of an escape.
    Host(Box<dyn Fn() -> Option<String>>),
}

impl fmt::Debug for Bait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bait")
            .field("arguments", &self.arguments)
            .field("bind", &self.bind)
            .field("image", &self.image.is_some())
            .finish_non_exhaustive()
    }
}

impl Bait {
    /// Nothing is laid out, and the probe's word counts.
    pub(crate) fn none(_: &Ground<'_>) -> io::Result<Self> {
        Ok(Self::default())
    }

    pub(crate) fn token() -> Self {
        Self {
            judge: Judge::Token,
            ..Self::default()
        }
    }

    pub(crate) fn seen_by(look: impl Fn() -> Option<String> + 'static) -> Self {
        Self {
            judge: Judge::Host(Box::new(look)),
            ..Self::default()
        }
    }

    pub(crate) fn telling(mut self, word: impl ToString) -> Self {
        self.arguments.push(word.to_string());
        self
    }

    /// Keeps something until the end.
    pub(crate) fn keeping(mut self, thing: impl Any) -> Self {
        self.keeps.push(Box::new(thing));
        self
    }
}

/// A process of the host's, which has done nothing to anybody.
#[derive(Debug)]
pub(crate) struct Victim(Child);

impl Victim {
    /// With a secret in its environment.
    pub(crate) fn start(token: &str) -> io::Result<Self> {
        let mut command = Command::new("/bin/busybox");
        command
            .args(["sleep", "1000"])
            .env_clear()
            .env("SECRET", token);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let victim = command.spawn().map(Self)?;
        victim.wait_for_environment()?;
        Ok(victim)
    }

    /// We go on before execve(2) is over: until the new program has its stack, it has no environment to be read.
    fn wait_for_environment(&self) -> io::Result<()> {
        let begin = Instant::now();
        while fs::read(format!("/proc/{}/environ", self.pid()))?.is_empty() {
            if begin.elapsed() > patient(Duration::from_secs(30)) {
                return Err(io::Error::other("a process without an environment"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Not waited for: while somebody traces it, that would be for ever.
        let _ = kill(Pid::from_raw(self.pid() as i32), Signal::SIGKILL);
    }
}

/// The processes of the host that run a probe, as the host numbers them.
pub(crate) fn attackers() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "attack\n")
        })
        .collect()
}

/// A line of `/proc/PID/status`.
pub(crate) fn status(pid: u32, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| *name == field)?;
    Some(value.trim().to_owned())
}

//! The command line of `run` and `enter`, as far as this step goes. Later steps flatten these options into their own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use kit::{Error, Result};
use nix::unistd::Pid;

use crate::command::{Command, DEFAULT_PATH};
use crate::join::Join;
use crate::kind::Kind;
use crate::mechanism::Exit;
use crate::namespaces::{Clocks, Namespaces};
use crate::spawn::{Mechanisms, spawn};
use crate::terminal::Terminal;
use crate::userns::{Mapping, UserNamespace};

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunOptions {
    /// Host name inside [default: 12 random hex digits]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<OsString>,

    /// A user namespace too: root inside is whoever you are outside
    #[arg(long)]
    pub user: bool,

    /// Map COUNT user ids, INSIDE first as OUTSIDE (repeatable; implies --user)
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    pub uid_map: Vec<Mapping>,

    /// Map COUNT group ids, INSIDE first as OUTSIDE (repeatable; implies --user)
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    pub gid_map: Vec<Mapping>,

    /// Keep this namespace of the caller's instead of a new one (repeatable)
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub share: Vec<Kind>,

    /// A time namespace too: seconds added to the boot-time clock, which `uptime` shows
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub boottime: Option<i64>,

    /// A time namespace too: seconds added to the monotonic clock
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub monotonic: Option<i64>,

    /// Make the command itself PID 1, without an init that reaps and passes signals on
    #[arg(long)]
    pub no_init: bool,

    /// Write the pid of the container's first process, as the host sees it, to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// What to run, and how it is connected.
    #[command(flatten)]
    pub process: ProcessOptions,
}

/// Options that `run` and `enter` share: the process itself.
#[derive(Args, Clone, Debug)]
pub struct ProcessOptions {
    /// Keep standard input open; without it the command reads /dev/null
    #[arg(long, short)]
    pub interactive: bool,

    /// Give the command a terminal of its own
    #[arg(long = "tty", short = 't')]
    pub terminal: bool,

    /// Set NAME=VALUE in the command's environment, or pass on the caller's NAME (repeatable)
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    pub env: Vec<OsString>,

    /// Working directory inside
    // Text, since an empty one is allowed.
    #[arg(long, short, value_name = "DIR")]
    pub workdir: Option<OsString>,

    /// The command and its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

impl RunOptions {
    /// The namespaces that these options ask for. `mount_proc` is set; a caller that brings a root file system clears
    /// it.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub fn namespaces(&self) -> Result<Namespaces> {
        let wants_user = self.user || !self.uid_map.is_empty() || !self.gid_map.is_empty();
        let wants_time = self.boottime.is_some() || self.monotonic.is_some();
        let mut kinds = Kind::DEFAULT.to_vec();
        kinds.extend(wants_user.then_some(Kind::User));
        kinds.extend(wants_time.then_some(Kind::Time));
        for (kind, flag) in [
            (Kind::User, "--user"),
            (Kind::Time, "--boottime or --monotonic"),
        ] {
            if self.share.contains(&kind) && kinds.contains(&kind) {
                return Err(Error::new(format!(
                    "--share {} contradicts {flag}",
                    kind.file()
                )));
            }
        }
        if self.hostname.is_some() && self.share.contains(&Kind::Uts) {
            return Err(Error::new(
                "--hostname would rename the host, whose name --share uts keeps",
            ));
        }
        kinds.retain(|kind| !self.share.contains(kind));
        Ok(Namespaces {
            kinds,
            hostname: self.hostname()?,
            user: wants_user.then(|| UserNamespace {
                uids: self.uid_map.clone(),
                gids: self.gid_map.clone(),
            }),
            clocks: Clocks {
                boottime: self.boottime.unwrap_or(0),
                monotonic: self.monotonic.unwrap_or(0),
            },
            mount_proc: true,
            propagation: libc::MS_PRIVATE,
        })
    }

    /// The command, with its environment.
    ///
    /// # Errors
    /// An environment variable without a name.
    pub fn command(&self, hostname: &OsStr) -> Result<Command> {
        self.process.command(hostname, !self.no_init)
    }

    fn hostname(&self) -> Result<OsString> {
        match &self.hostname {
            Some(name) => Ok(name.clone()),
            None => Ok(kit::id::Id::random()?.short().into()),
        }
    }
}

impl ProcessOptions {
    fn command(&self, hostname: &OsStr, init: bool) -> Result<Command> {
        Ok(Command {
            arguments: self.command.clone(),
            environment: self.environment(hostname)?,
            // As in Docker, where scripts write `-w "$DIR"`: none is none.
            directory: self
                .workdir
                .as_ref()
                .filter(|directory| !directory.is_empty())
                .map(PathBuf::from),
            stdin: self.interactive,
            terminal: self.terminal,
            init,
        })
    }

    /// Docker's: PATH, HOSTNAME, TERM with a terminal, HOME; then what `-e` adds or replaces. Nothing of the caller's
    /// is inherited: an environment is full of secrets.
    fn environment(&self, hostname: &OsStr) -> Result<Vec<(OsString, OsString)>> {
        let mut environment: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), DEFAULT_PATH.into()),
            ("HOSTNAME".into(), hostname.to_owned()),
        ];
        if self.terminal {
            environment.push(("TERM".into(), "xterm".into()));
        }
        environment.push(("HOME".into(), "/root".into()));
        for assignment in &self.env {
            let Some((name, value)) = split(assignment)? else {
                continue;
            };
            environment.retain(|(existing, _)| *existing != name);
            environment.push((name, value));
        }
        Ok(environment)
    }
}

/// `NAME=VALUE`, or `NAME` for the caller's value, which is nothing if the caller has none.
fn split(assignment: &OsStr) -> Result<Option<(OsString, OsString)>> {
    let bytes = assignment.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=');
    let (name, value) = match at {
        Some(at) => (
            &bytes[..at],
            Some(OsString::from_vec(bytes[at + 1..].to_vec())),
        ),
        None => (bytes, std::env::var_os(assignment)),
    };
    if name.is_empty() {
        return Err(Error::new(format!(
            "invalid environment variable: {}",
            assignment.display()
        )));
    }
    Ok(value.map(|value| (OsString::from_vec(name.to_vec()), value)))
}

/// Starts, writes the pid file, waits, and shows the notes: what `run` of every step ends with.
///
/// # Errors
/// As [`spawn()`]; and a pid file that cannot be written, which ends the container.
pub fn run(command: &Command, mechanisms: Mechanisms, pid_file: Option<&Path>) -> Result<ExitCode> {
    let container = spawn(command, mechanisms)?;
    if let Some(path) = pid_file {
        write_pid_file(path, container.pid())?;
    }
    let exit = container.wait()?;
    show_notes(&exit);
    Ok(ExitCode::from(exit.code))
}

/// A file is replaced as a whole, so that whoever waits for it never reads half a number. What is not a file (`/dev/stdout`,
/// a pipe, a link) is written to.
fn write_pid_file(path: &Path, pid: Pid) -> Result<()> {
    let is_special = std::fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_file());
    if is_special {
        std::fs::write(path, pid.to_string()).map_err(|e| Error::io("write the pid to", path, &e))
    } else {
        kit::fs::write_atomically(path, pid.to_string().as_bytes()).map_err(|error| {
            error
                .within("the pid file")
                .hint("--pid-file wants a path in a directory that exists and can be written")
        })
    }
}

fn show_notes(exit: &Exit) {
    for note in &exit.notes {
        kit::program::note(note);
    }
}

/// Options of `enter`.
#[derive(Args, Clone, Debug)]
pub struct EnterOptions {
    /// A process of the container, by its pid on the host
    #[arg(value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: i32,

    /// What to run, and how it is connected.
    #[command(flatten)]
    pub process: ProcessOptions,
}

impl EnterOptions {
    /// The mechanism that joins the container.
    pub fn join(&self) -> Join {
        Join::new(Pid::from_raw(self.pid))
    }

    /// The command, with its environment.
    ///
    /// # Errors
    /// An environment variable without a name.
    pub fn command(&self) -> Result<Command> {
        let mut command = self.process.command(OsStr::new(""), true)?;
        command.environment.retain(|(name, _)| name != "HOSTNAME");
        Ok(command)
    }
}

/// Adds the terminal to the list, if it was asked for. It stands last.
pub fn push_terminal(mechanisms: &mut Mechanisms, process: &ProcessOptions) {
    if process.terminal {
        mechanisms.push(Box::new(Terminal::new(process.interactive)));
    }
}

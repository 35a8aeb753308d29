//! The command line of `run` and `enter`, in groups: a step's `main.rs` puts those of its mechanisms side by side.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use kit::{Error, Result};
use nix::unistd::Pid;

use crate::exit::Exit;
use crate::join::Join;
use crate::kind::Kind;
use crate::mechanisms::Mechanisms;
use crate::namespaces::{Clocks, Namespaces};
use crate::process::{Process, Wanted, split_variable};
use crate::spawn::spawn;
use crate::streams::Streams;
use crate::userns::{Mapping, UserNamespace};

/// The namespaces.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct NamespaceOptions {
    /// Host name inside [default: 12 random hex digits]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<OsString>,

    /// A user namespace too: root inside is whoever you are outside
    #[arg(long)]
    pub userns: bool,

    /// Map COUNT user ids, INSIDE first as OUTSIDE (repeatable; implies --userns)
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    pub uid_map: Vec<Mapping>,

    /// Map COUNT group ids, INSIDE first as OUTSIDE (repeatable; implies --userns)
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
}

/// How the container is started.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct StartOptions {
    /// Make the command itself PID 1, without an init that reaps and passes signals on
    #[arg(long)]
    pub no_init: bool,

    /// Write the pid of the container's first process, as the host sees it, to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
}

/// The process: what `run` and `enter` have in common. It stands last, since its command takes all that follows.
#[derive(Args, Clone, Debug)]
#[group(skip)]
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

impl NamespaceOptions {
    /// The namespaces that these options ask for. A container that is given no host name is called `name`.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub fn namespaces(&self, name: &str) -> Result<Namespaces> {
        let wants_user = self.userns || !self.uid_map.is_empty() || !self.gid_map.is_empty();
        let wants_time = self.boottime.is_some() || self.monotonic.is_some();
        let mut kinds = Kind::DEFAULT.to_vec();
        kinds.extend(wants_user.then_some(Kind::User));
        kinds.extend(wants_time.then_some(Kind::Time));
        self.check(&kinds)?;
        kinds.retain(|kind| !self.share.contains(kind));
        let hostname = self.hostname.clone().unwrap_or_else(|| name.into());
        Ok(Namespaces {
            user: wants_user.then(|| UserNamespace {
                uids: self.uid_map.clone(),
                gids: self.gid_map.clone(),
            }),
            clocks: Clocks {
                boottime: self.boottime.unwrap_or(0),
                monotonic: self.monotonic.unwrap_or(0),
            },
            ..Namespaces::new(&kinds, hostname)
        })
    }

    fn check(&self, kinds: &[Kind]) -> Result<()> {
        for (kind, flag) in [
            (Kind::User, "--userns"),
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
        Ok(())
    }
}

impl ProcessOptions {
    /// The process of a container called `hostname`, started by `start`.
    ///
    /// # Errors
    /// An environment variable without a name.
    pub fn wanted(&self, hostname: &OsStr, start: &StartOptions) -> Result<Wanted> {
        Ok(Wanted {
            hostname: hostname.to_owned(),
            init: !start.no_init,
            ..self.entering()?
        })
    }

    /// A process that enters a container: always with an init, which waits for it where it cannot be waited for.
    ///
    /// # Errors
    /// As [`wanted`](Self::wanted).
    pub fn entering(&self) -> Result<Wanted> {
        Ok(Wanted {
            words: self.command.clone(),
            environment: self.environment()?,
            // As in Docker, where scripts write `-w "$DIR"`: an empty one means the default.
            directory: self
                .workdir
                .as_ref()
                .filter(|directory| !directory.is_empty())
                .map(PathBuf::from),
            terminal: self.terminal,
            init: true,
            ..Wanted::default()
        })
    }

    /// The caller's own streams.
    pub fn streams(&self) -> Streams {
        Streams::ours(self.interactive)
    }

    /// `NAME=VALUE`, or `NAME` for the caller's value, which is nothing if the caller has none. The last one counts.
    fn environment(&self) -> Result<Vec<(OsString, OsString)>> {
        let mut environment: Vec<(OsString, OsString)> = Vec::new();
        for assignment in &self.env {
            let (name, value) = split_variable(assignment);
            if name.is_empty() {
                return Err(Error::new(format!(
                    "invalid environment variable: {}",
                    assignment.display()
                )));
            }
            let value = match value {
                Some(value) => value.to_owned(),
                None => match std::env::var_os(name) {
                    Some(value) => value,
                    None => continue,
                },
            };
            environment.retain(|(existing, _)| existing != name);
            environment.push((name.to_owned(), value));
        }
        Ok(environment)
    }
}

/// Starts, writes the pid file, waits, and shows the notes: what `run` of every step ends with.
///
/// # Errors
/// As [`spawn()`]; and a pid file that cannot be written, which ends the container.
pub fn run(
    process: &Process,
    streams: Streams,
    mechanisms: Mechanisms,
    pid_file: Option<&Path>,
) -> Result<ExitCode> {
    let container = spawn(process, streams, mechanisms)?;
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

/// Which container is entered.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct JoinOptions {
    /// A process of the container, by its pid on the host
    #[arg(value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: i32,
}

impl JoinOptions {
    /// The mechanism that joins the container.
    pub fn join(&self) -> Join {
        Join::new(Pid::from_raw(self.pid))
    }
}

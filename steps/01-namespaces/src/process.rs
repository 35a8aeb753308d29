//! The process that a container runs: what it is given, computed once, and made ready before the fork, since nothing is
//! looked up or allocated after it.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use kit::sys::title::StartArea;
use kit::{Error, Result};
use nix::sys::resource::Resource;

use crate::account::Account;
use crate::program::Program;

/// Where commands are searched if the environment does not say: Docker's own default.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The container's process (OCI runtime specification, "Process").
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The program and its arguments; a program without a slash is searched in `PATH`, inside the container.
    pub arguments: Vec<OsString>,
    /// Its whole environment: nothing of the caller's is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it starts, as a path inside the container; `None` leaves it where the mechanisms left it.
    pub directory: Option<PathBuf>,
    /// Who it is; `None` leaves it whoever the mechanisms have made it, which is root.
    pub user: Option<Account>,
    /// Whether it has a terminal of its own as standard input, output and error.
    pub terminal: bool,
    /// Which permissions its new files do not have (umask(2)); `None` is 0022, as in Docker and runc, and never the
    /// caller's.
    pub umask: Option<u32>,
    /// Its resource limits (getrlimit(2)); others are the caller's.
    pub rlimits: Vec<Rlimit>,
    /// Whether an init of ours is the container's first process and the command its child; else the command itself
    /// is PID 1, with all that this means (pid_namespaces(7)).
    pub init: bool,
}

/// A resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// Of what.
    pub resource: Resource,
    /// What is enforced.
    pub soft: u64,
    /// How far an ordinary user may raise it.
    pub hard: u64,
}

/// What an image says of the process that runs on it (OCI image specification, "Properties").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Words that stand before the caller's.
    pub entrypoint: Vec<OsString>,
    /// Words instead of the caller's, if there are none.
    pub command: Vec<OsString>,
    /// `NAME=VALUE` each.
    pub environment: Vec<OsString>,
    /// The working directory, if it names one.
    pub directory: Option<PathBuf>,
}

/// What the caller says of the process.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The program and its arguments, or the arguments of the image's entry point.
    pub words: Vec<OsString>,
    /// In place of the image's entry point, with which its command goes too; an empty one is none.
    pub entrypoint: Option<OsString>,
    /// Variables to be set, which win over all others.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory.
    pub directory: Option<PathBuf>,
    /// Shown as `HOSTNAME`, unless it is empty.
    pub hostname: OsString,
    /// Who it is.
    pub user: Option<Account>,
    /// See [`Process::terminal`].
    pub terminal: bool,
    /// See [`Process::init`].
    pub init: bool,
}

// ANCHOR: new
impl Process {
    /// What comes of both. Where there is no image, `image` says nothing.
    pub fn new(wanted: &Wanted, image: &Defaults) -> Self {
        Self {
            arguments: arguments(wanted, image),
            environment: environment(wanted, image),
            directory: wanted.directory.clone().or_else(|| image.directory.clone()),
            user: wanted.user.clone(),
            terminal: wanted.terminal,
            umask: None,
            rlimits: Vec::new(),
            init: wanted.init,
        }
    }
}
// ANCHOR_END: new

// ANCHOR: arguments
/// An entry point of the caller's own stands alone: the image's command was written for the image's.
fn arguments(wanted: &Wanted, image: &Defaults) -> Vec<OsString> {
    let (mut arguments, default) = match &wanted.entrypoint {
        Some(own) if own.is_empty() => (Vec::new(), &[][..]),
        Some(own) => (vec![own.clone()], &[][..]),
        None => (image.entrypoint.clone(), &image.command[..]),
    };
    arguments.extend_from_slice(match wanted.words.is_empty() {
        true => default,
        false => &wanted.words,
    });
    arguments
}
// ANCHOR_END: arguments

/// Docker's: PATH, HOSTNAME, TERM with a terminal, HOME; then what the caller sets, and of the image what the caller does
/// not. Nothing of the caller's own is inherited: an environment is full of secrets.
fn environment(wanted: &Wanted, image: &Defaults) -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = vec![("PATH".into(), DEFAULT_PATH.into())];
    if !wanted.hostname.is_empty() {
        all.push(("HOSTNAME".into(), wanted.hostname.clone()));
    }
    if wanted.terminal {
        all.push(("TERM".into(), "xterm".into()));
    }
    let home = wanted.user.as_ref().map_or("/root", |user| &user.home);
    all.push(("HOME".into(), home.into()));
    for (name, value) in &wanted.environment {
        all.retain(|(existing, _)| existing != name);
        all.push((name.clone(), value.clone()));
    }
    for variable in &image.environment {
        let (name, value) = split_variable(variable);
        if wanted.environment.iter().any(|(own, _)| own == name) {
            continue;
        }
        match all.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, existing)) => *existing = value.unwrap_or_default().to_owned(),
            None => all.push((name.to_owned(), value.unwrap_or_default().to_owned())),
        }
    }
    all
}

/// `NAME` and, if there is an equals sign, `VALUE`.
pub fn split_variable(variable: &OsStr) -> (&OsStr, Option<&OsStr>) {
    let bytes = variable.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => (
            OsStr::from_bytes(&bytes[..at]),
            Some(OsStr::from_bytes(&bytes[at + 1..])),
        ),
        None => (variable, None),
    }
}

/// A [`Process`] as execve(2) wants it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    pub(crate) directory: Option<CString>,
    /// The files to try, in order.
    pub(crate) candidates: Vec<CString>,
    /// With an init: where its arguments and environment lie, which are the host's.
    pub(crate) start_area: Option<StartArea>,
}

impl Process {
    pub(crate) fn prepare(&self) -> Result<Prepared> {
        let program = self.arguments.first().ok_or_else(|| {
            Error::new("no command given").hint("name one after the options, as in `… run -- sh`")
        })?;
        self.check_limits()?;
        Ok(Prepared {
            arguments: self
                .arguments
                .iter()
                .map(|a| c_string(a))
                .collect::<Result<_>>()?,
            environment: self
                .environment
                .iter()
                .map(|(name, value)| assignment(name, value))
                .collect::<Result<_>>()?,
            directory: self
                .directory
                .as_ref()
                .map(|d| c_string(d.as_os_str()))
                .transpose()?,
            candidates: candidates(program, self.path())
                .into_iter()
                .map(|c| c_string(&c))
                .collect::<Result<_>>()?,
            start_area: self.init.then(StartArea::of_self).flatten(),
        })
    }

    /// What the kernel would only call EINVAL.
    fn check_limits(&self) -> Result<()> {
        match self.rlimits.iter().find(|limit| limit.soft > limit.hard) {
            Some(limit) => Err(Error::new(format!(
                "the soft limit {} of {:?} is above the hard limit {}",
                limit.soft, limit.resource, limit.hard
            ))),
            None => Ok(()),
        }
    }

    fn path(&self) -> &OsStr {
        self.environment
            .iter()
            .rev()
            .find(|(name, _)| name == "PATH")
            .map_or(OsStr::new(DEFAULT_PATH), |(_, value)| value)
    }

    /// What is run, as far as it takes to explain a failure.
    pub(crate) fn program(&self) -> Program {
        let name = self.arguments.first();
        Program::new(name.map_or(OsStr::new(""), |name| name), self.path())
    }
}

/// The files that a name stands for: itself if it has a slash, else one per directory of `path`; an empty
/// directory is the current one, as in execvp(3).
fn candidates(program: &OsStr, path: &OsStr) -> Vec<OsString> {
    if program.is_empty() || program.as_bytes().contains(&b'/') {
        return vec![program.to_owned()];
    }
    path.as_bytes()
        .split(|byte| *byte == b':')
        .map(|directory| {
            let directory = if directory.is_empty() {
                b"."
            } else {
                directory
            };
            OsString::from_vec([directory, b"/", program.as_bytes()].concat())
        })
        .collect()
}

fn assignment(name: &OsStr, value: &OsStr) -> Result<CString> {
    c_string(OsStr::from_bytes(
        &[name.as_bytes(), b"=", value.as_bytes()].concat(),
    ))
}

fn c_string(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| {
        Error::new(format!(
            "{text:?} holds a NUL byte, which the kernel cannot take"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(arguments: &[&str]) -> Process {
        Process {
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: vec![("PATH".into(), "/usr/bin::/bin".into())],
            ..Process::default()
        }
    }

    #[test]
    fn a_bare_name_is_searched_in_the_containers_path() {
        let prepared = process(&["ls", "-l"]).prepare().unwrap();
        assert_eq!(
            prepared.candidates,
            [c"/usr/bin/ls", c"./ls", c"/bin/ls"].map(CString::from)
        );
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        for program in ["./ls", "/bin/ls", "bin/ls", ""] {
            let prepared = process(&[program]).prepare().unwrap();
            assert_eq!(prepared.candidates, [CString::new(program).unwrap()]);
        }
    }

    #[test]
    fn no_command_is_a_refusal_with_a_hint() {
        let error = process(&[]).prepare().unwrap_err();
        assert_eq!(error.to_string(), "no command given");
        assert!(error.hint_text().is_some());
    }

    fn words(list: &[&str]) -> Vec<OsString> {
        list.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_entry_point_stands_before_the_command() {
        let image = Defaults {
            entrypoint: words(&["entry"]),
            command: words(&["default"]),
            ..Defaults::default()
        };
        for (given, entrypoint, expected) in [
            (&[][..], None, &["entry", "default"][..]),
            (&["x", "y"], None, &["entry", "x", "y"]),
            (&[], Some("own"), &["own"]),
            (&["x"], Some("own"), &["own", "x"]),
            (&["x"], Some(""), &["x"]),
            (&[], Some(""), &[]),
        ] {
            let wanted = Wanted {
                words: words(given),
                entrypoint: entrypoint.map(OsString::from),
                ..Wanted::default()
            };
            let process = Process::new(&wanted, &image);
            assert_eq!(process.arguments, expected, "{given:?} {entrypoint:?}");
        }
    }

    #[test]
    fn the_callers_variables_win_over_the_images_and_those_over_the_defaults() {
        let image = Defaults {
            environment: words(&["PATH=/image", "A=image", "B=image", "C"]),
            directory: Some("/srv".into()),
            ..Defaults::default()
        };
        let wanted = Wanted {
            environment: vec![("A".into(), "mine".into())],
            hostname: "box".into(),
            ..Wanted::default()
        };
        let process = Process::new(&wanted, &image);
        let expected = [
            ("PATH", "/image"),
            ("HOSTNAME", "box"),
            ("HOME", "/root"),
            ("A", "mine"),
            ("B", "image"),
            ("C", ""),
        ];
        let expected = expected.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(process.environment, expected);
        assert_eq!(process.directory, Some("/srv".into()));
        let user = Account {
            home: "/home/app".to_owned(),
            ..Account::default()
        };
        let wanted = Wanted {
            user: Some(user),
            ..wanted
        };
        let homes = Process::new(&wanted, &image).environment;
        assert!(homes.contains(&("HOME".into(), "/home/app".into())));
    }
}

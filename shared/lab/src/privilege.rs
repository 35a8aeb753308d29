//! Who we are, and how root's part of the work is done: directly, or through sudo.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// What sudo would drop and our programs look at.
const KEPT: [&str; 15] = [
    "CI",
    "DRYDOCK_BIN_DIR",
    "DRYDOCK_BUILT",
    "DRYDOCK_EVERYTHING",
    "DRYDOCK_ONLY",
    "DRYDOCK_PROMISES",
    "DRYDOCK_REPORT",
    "DRYDOCK_ROOT",
    "DRYDOCK_RUN",
    "DRYDOCK_SEED",
    "INSTA_UPDATE",
    "INSTA_WORKSPACE_ROOT",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "TERM",
];

/// How a command becomes root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// We are root.
    Root,
    /// We are not, and sudo is here.
    Sudo,
}

impl Privilege {
    /// Finds out, and asks for the password now if one is needed, so that it is not asked for in the middle.
    pub(crate) fn acquire() -> Result<Self> {
        if nix::unistd::geteuid().is_root() {
            return Ok(Self::Root);
        }
        if !in_path("sudo") {
            bail!(
                "containers take root, you are not root, and there is no sudo: become root with `su -`, or have root \
                 install sudo and add you to its group"
            );
        }
        if quiet(Command::new("sudo").args(["-n", "true"])) {
            return Ok(Self::Sudo);
        }
        if OpenOptions::new().read(true).open("/dev/tty").is_err() {
            bail!(
                "sudo wants a password and there is no terminal to ask for it: run this in a terminal, as root, or \
                 with a NOPASSWD rule for sudo"
            );
        }
        if !Command::new("sudo").arg("-v").status()?.success() {
            bail!("sudo refused: have root add you to the group sudo, or run this as root");
        }
        Ok(Self::Sudo)
    }

    /// `program` as root. Through sudo, the variables that our programs look at go along.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        self.command_with(program, &[])
    }

    /// The same with variables of its own, which `Command::env` would give to sudo alone.
    pub(crate) fn command_with(
        self,
        program: impl AsRef<OsStr>,
        variables: &[(&str, &OsStr)],
    ) -> Command {
        let mut command;
        match self {
            Self::Root => {
                command = Command::new(program);
                command.envs(variables.iter().copied());
            }
            Self::Sudo => {
                command = Command::new("sudo");
                command.args(["--", "/usr/bin/env"]);
                let inherited = KEPT
                    .iter()
                    .filter_map(|name| Some((*name, std::env::var_os(name)?)));
                for (name, value) in inherited {
                    command.arg(assignment(name, &value));
                }
                for (name, value) in variables {
                    command.arg(assignment(name, value));
                }
                command.arg(program);
            }
        }
        command
    }

    /// "as root" or "through sudo".
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Root => "as root",
            Self::Sudo => "through sudo",
        }
    }
}

fn assignment(name: &str, value: &OsStr) -> std::ffi::OsString {
    let mut assignment = std::ffi::OsString::from(name);
    assignment.push("=");
    assignment.push(value);
    assignment
}

/// Whether a program of this name is in `PATH`, or where root's programs are, which a user's PATH may lack.
pub(crate) fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| Path::new(&directory).join(program).is_file())
}

/// Whether the command succeeds; what it prints is nobody's business.
pub(crate) fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn through_sudo_variables_go_along_as_arguments() {
        let command = Privilege::Sudo.command_with("/x/test", &[("A", OsStr::new("b c"))]);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(command.get_program(), "sudo");
        assert_eq!(words[..2], ["--", "/usr/bin/env"]);
        assert_eq!(words[words.len() - 2..], ["A=b c", "/x/test"]);
    }

    #[test]
    fn root_needs_no_sudo() {
        let command = Privilege::Root.command("/x/test");
        assert_eq!(command.get_program(), "/x/test");
        assert_eq!(command.get_args().count(), 0);
    }
}

//! Changes to an image's configuration, as instructions of a Dockerfile: `--change "CMD [\"sh\"]"`.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use kit::{Error, Result};

use crate::command::{command, list_of_words};
use crate::config::{Empty, HealthCheck, Process};
use crate::expand::{expand, split};
use crate::healthcheck;

/// One instruction. What may hold variables is kept as it was written: their values are those that the image has when
/// the change is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `CMD`, as a list of words.
    Cmd(Vec<String>),
    /// `ENTRYPOINT`, as a list of words.
    Entrypoint(Vec<String>),
    /// `ENV NAME=VALUE …`.
    Env(Vec<(String, String)>),
    /// `EXPOSE PORT[/PROTOCOL] …`.
    Expose(Vec<String>),
    /// `HEALTHCHECK [OPTION …] CMD COMMAND`, or `HEALTHCHECK NONE`.
    HealthCheck(HealthCheck),
    /// `LABEL NAME=VALUE …`.
    Label(Vec<(String, String)>),
    /// `ONBUILD INSTRUCTION`.
    OnBuild(String),
    /// `STOPSIGNAL SIGNAL`.
    StopSignal(String),
    /// `USER NAME`.
    User(String),
    /// `VOLUME PATH …`.
    Volume(Vec<String>),
    /// `WORKDIR PATH`.
    WorkDir(String),
}

impl Change {
    /// Makes the change.
    ///
    /// # Errors
    /// A variable is used in a way that is not understood, or what it stands for has no sense there.
    pub fn apply(&self, process: &mut Process) -> Result<()> {
        self.change(process)
            .map_err(|why| Error::new(format!("the change cannot be made: {why}")))
    }

    fn change(&self, process: &mut Process) -> Result<(), String> {
        let env = process.env.clone().unwrap_or_default();
        let word = |word: &String| expand(word, &env);
        match self {
            Self::Cmd(words) => process.cmd = Some(words.clone()),
            // As in a build: a command was written for the entry point that it stood behind.
            Self::Entrypoint(words) => {
                process.entrypoint = Some(words.clone());
                process.cmd = None;
            }
            Self::Env(pairs) => {
                let all = process.env.get_or_insert_default();
                for (name, value) in pairs {
                    set(all, &word(name)?, &word(value)?);
                }
            }
            Self::Expose(words) => {
                let all = process.exposed_ports.get_or_insert_default();
                for text in words {
                    for port in word(text)?.split_whitespace() {
                        all.extend(ports(port)?.map(|port| (port, Empty {})));
                    }
                }
            }
            Self::HealthCheck(check) => process.healthcheck = Some(check.clone()),
            Self::Label(pairs) => {
                let all = process.labels.get_or_insert_default();
                for (name, value) in pairs {
                    all.insert(word(name)?, word(value)?);
                }
            }
            Self::OnBuild(text) => process.on_build.get_or_insert_default().push(text.clone()),
            Self::StopSignal(signal) => process.stop_signal = word(signal)?,
            Self::User(user) => process.user = word(user)?,
            Self::Volume(paths) => {
                let all = process.volumes.get_or_insert_default();
                for path in paths {
                    let path = word(path)?;
                    if path.trim().is_empty() {
                        return Err("VOLUME specified can not be an empty string".to_owned());
                    }
                    all.insert(path, Empty {});
                }
            }
            Self::WorkDir(path) => process.working_dir = below(&process.working_dir, &word(path)?),
        }
        Ok(())
    }
}

/// A name that is there already keeps its place.
fn set(env: &mut Vec<String>, name: &str, value: &str) {
    let pair = format!("{name}={value}");
    match env
        .iter_mut()
        .find(|old| old.split('=').next() == Some(name))
    {
        Some(old) => *old = pair,
        None => env.push(pair),
    }
}

/// A relative path is below the directory of before.
fn below(directory: &str, path: &str) -> String {
    let joined = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{directory}/{path}"),
    };
    clean(Path::new(&joined)).to_string_lossy().into_owned()
}

/// The absolute path by its letters alone: without `.`, and `..` takes away the name before it.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            // Above the root there is the root.
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

impl FromStr for Change {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let (instruction, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let instruction = instruction.to_uppercase();
        let refuse = |why: &str| Error::new(format!("{text:?} is not a change: {why}"));
        if rest.is_empty() {
            return Err(refuse(&format!("{instruction} needs an argument")));
        }
        let change = match instruction.as_str() {
            "CMD" => Self::Cmd(command(rest).map_err(|e| refuse(&e))?.words()),
            "ENTRYPOINT" => Self::Entrypoint(command(rest).map_err(|e| refuse(&e))?.words()),
            "ENV" => Self::Env(pairs(rest).map_err(|e| refuse(&e))?),
            "EXPOSE" => Self::Expose(split(rest).map_err(|e| refuse(&e))?),
            "HEALTHCHECK" => Self::HealthCheck(healthcheck::parse(rest).map_err(|e| refuse(&e))?),
            "LABEL" => Self::Label(pairs(rest).map_err(|e| refuse(&e))?),
            "ONBUILD" => Self::OnBuild(trigger(rest).map_err(|e| refuse(&e))?),
            "STOPSIGNAL" => Self::StopSignal(rest.to_owned()),
            "USER" => Self::User(rest.to_owned()),
            "VOLUME" => Self::Volume(list(rest).map_err(|e| refuse(&e))?),
            "WORKDIR" => Self::WorkDir(rest.to_owned()),
            other => {
                let other = other.to_lowercase();
                return Err(refuse(&format!("{other} is not a valid change command")).hint(
                    "cmd, entrypoint, env, expose, healthcheck, label, onbuild, stopsignal, user, volume and workdir are",
                ));
            }
        };
        // Without variables it has the same sense everywhere, or none.
        if !rest.contains('$') {
            change
                .change(&mut Process::default())
                .map_err(|e| refuse(&e))?;
        }
        Ok(change)
    }
}

/// What a later build is to do; not everything can be put off until then.
fn trigger(text: &str) -> Result<String, String> {
    let instruction = text.split_whitespace().next().unwrap_or_default();
    match instruction.to_uppercase().as_str() {
        "ONBUILD" => Err("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()),
        own @ ("FROM" | "MAINTAINER") => Err(format!("{own} isn't allowed as an ONBUILD trigger")),
        _ => Ok(text.to_owned()),
    }
}

fn list(text: &str) -> Result<Vec<String>, String> {
    match text.starts_with('[') {
        true => list_of_words(text),
        false => split(text),
    }
}

/// `NAME=VALUE …`, or the old form `NAME VALUE`, in which everything after the name is the value.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (name, value) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| format!("{text} has no value"))?;
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some(("", _)) | None => Err(format!("{word:?} is not of the form NAME=VALUE")),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
    };
    split(text)?.into_iter().map(pair).collect()
}

/// `80`, `80/udp`, `8000-8010`; each with its protocol.
fn ports(text: &str) -> Result<impl Iterator<Item = String>, String> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_lowercase();
    let is_protocol = ["tcp", "udp", "sctp"].contains(&protocol.as_str());
    let (from, to) = numbers.split_once('-').unwrap_or((numbers, numbers));
    match (from.parse::<u16>(), to.parse::<u16>()) {
        (Ok(from), Ok(to)) if is_protocol && from > 0 && from <= to => {
            Ok((from..=to).map(move |port| format!("{port}/{protocol}")))
        }
        _ => Err(format!("Invalid containerPort: {text}")),
    }
}

#[cfg(test)]
mod tests;

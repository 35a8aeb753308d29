//! Changes to an image's configuration, as instructions of a Dockerfile: `--change "CMD [\"sh\"]"`.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use kit::{Error, Result};

use crate::command::{command, list_of_words};
use crate::config::{Empty, HealthCheck, Process};
use crate::healthcheck;

/// One instruction.
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
    /// None that the instruction alone would not have shown.
    pub fn apply(&self, process: &mut Process) -> Result<()> {
        match self {
            Self::Cmd(words) => process.cmd = Some(words.clone()),
            // As in a build: a command was written for the entry point that it stood behind.
            Self::Entrypoint(words) => {
                process.entrypoint = Some(words.clone());
                process.cmd = None;
            }
            Self::Env(pairs) => {
                let env = process.env.get_or_insert_default();
                for (name, value) in pairs {
                    env.retain(|old| old.split('=').next() != Some(name));
                    env.push(format!("{name}={value}"));
                }
            }
            Self::Expose(ports) => {
                let all = process.exposed_ports.get_or_insert_default();
                all.extend(ports.iter().map(|port| (port.clone(), Empty {})));
            }
            Self::HealthCheck(check) => process.healthcheck = Some(check.clone()),
            Self::Label(pairs) => process.labels.get_or_insert_default().extend(pairs.clone()),
            Self::OnBuild(text) => process.on_build.get_or_insert_default().push(text.clone()),
            Self::StopSignal(signal) => process.stop_signal.clone_from(signal),
            Self::User(user) => process.user.clone_from(user),
            Self::Volume(paths) => {
                let all = process.volumes.get_or_insert_default();
                all.extend(paths.iter().map(|path| (path.clone(), Empty {})));
            }
            Self::WorkDir(path) => process.working_dir = below(&process.working_dir, path),
        }
        Ok(())
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
        Ok(match instruction.as_str() {
            "CMD" => Self::Cmd(command(rest).map_err(|e| refuse(&e))?.words()),
            "ENTRYPOINT" => Self::Entrypoint(command(rest).map_err(|e| refuse(&e))?.words()),
            "ENV" => Self::Env(pairs(rest).map_err(|e| refuse(&e))?),
            "EXPOSE" => Self::Expose(exposed(rest).map_err(|e| refuse(&e))?),
            "HEALTHCHECK" => Self::HealthCheck(healthcheck::parse(rest).map_err(|e| refuse(&e))?),
            "LABEL" => Self::Label(pairs(rest).map_err(|e| refuse(&e))?),
            "ONBUILD" => Self::OnBuild(trigger(rest).map_err(|e| refuse(&e))?),
            "STOPSIGNAL" => Self::StopSignal(rest.to_owned()),
            "USER" => Self::User(rest.to_owned()),
            "VOLUME" => Self::Volume(volumes(rest).map_err(|e| refuse(&e))?),
            "WORKDIR" => Self::WorkDir(rest.to_owned()),
            other => {
                let other = other.to_lowercase();
                return Err(refuse(&format!("{other} is not a valid change command")).hint(
                    "cmd, entrypoint, env, expose, healthcheck, label, onbuild, stopsignal, user, volume and workdir are",
                ));
            }
        })
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

fn volumes(text: &str) -> Result<Vec<String>, String> {
    let volumes = list(text)?;
    match volumes.iter().any(|path| path.trim().is_empty()) {
        true => Err("VOLUME specified can not be an empty string".to_owned()),
        false => Ok(volumes),
    }
}

fn list(text: &str) -> Result<Vec<String>, String> {
    match text.starts_with('[') {
        true => list_of_words(text),
        false => words(text),
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
    words(text)?.into_iter().map(pair).collect()
}

/// Words, with quotes of both kinds and backslashes taken as a shell takes them.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => {
                let next = chars.next().ok_or("it ends in a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    match quote {
        Some(quote) => Err(format!("a {quote} is not closed")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

/// Each port by itself.
fn exposed(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for word in words(text)? {
        all.extend(ports(&word)?);
    }
    Ok(all)
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
mod tests {
    use super::*;

    fn apply(changes: &[&str]) -> Process {
        let mut process = Process::default();
        for change in changes {
            change
                .parse::<Change>()
                .unwrap()
                .apply(&mut process)
                .unwrap();
        }
        process
    }

    #[test]
    fn each_instruction_changes_its_field() {
        let process = apply(&[
            "CMD lost",
            "ENTRYPOINT [\"/bin/app\", \"-x\"]",
            "cmd echo $HOME",
            "ENV A=1 B='two words' C=a\\ b",
            "ENV A 3  4",
            "EXPOSE 80 53/UDP 8000-8001",
            "LABEL \"a.b\"=\"c d\"",
            "ONBUILD RUN make",
            "STOPSIGNAL SIGINT",
            "USER 1000:1000",
            "VOLUME [\"/data\"]",
            "VOLUME /a /b",
            "WORKDIR /srv",
            "WORKDIR x/./y",
        ]);
        assert_eq!(process.entrypoint.unwrap(), ["/bin/app", "-x"]);
        assert_eq!(process.cmd.unwrap(), ["/bin/sh", "-c", "echo $HOME"]);
        assert_eq!(process.env.unwrap(), ["B=two words", "C=a b", "A=3  4"]);
        let ports: Vec<String> = process.exposed_ports.unwrap().into_keys().collect();
        assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
        assert_eq!(process.labels.unwrap()["a.b"], "c d");
        assert_eq!(process.on_build.unwrap(), ["RUN make"]);
        assert_eq!(process.stop_signal, "SIGINT");
        assert_eq!(process.user, "1000:1000");
        let volumes: Vec<String> = process.volumes.unwrap().into_keys().collect();
        assert_eq!(volumes, ["/a", "/b", "/data"]);
        assert_eq!(process.working_dir, "/srv/x/y");
    }

    #[test]
    fn what_is_no_list_is_for_the_shell() {
        let cmd = apply(&["CMD [ -f /x ] && y"]).cmd.unwrap();
        assert_eq!(cmd, ["/bin/sh", "-c", "[ -f /x ] && y"]);
    }

    #[test]
    fn a_health_check_has_its_options() {
        let check = |change: &str| apply(&[change]).healthcheck.unwrap();
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(
            check(
                "HEALTHCHECK --interval=5m --timeout=1.5s --start-period=1m30s --retries=2 CMD curl x"
            ),
            HealthCheck {
                test: words(&["CMD-SHELL", "curl x"]),
                interval: 300_000_000_000,
                timeout: 1_500_000_000,
                start_period: 90_000_000_000,
                start_interval: 0,
                retries: 2,
            }
        );
        let test = check("HEALTHCHECK cmd [\"a\", \"b\"]").test;
        assert_eq!(test, words(&["CMD", "a", "b"]));
        let test = check("HEALTHCHECK CMD [\"/bin/sh\", \"-c\", \"x\"]").test;
        assert_eq!(test, words(&["CMD", "/bin/sh", "-c", "x"]));
        assert_eq!(check("HEALTHCHECK none").test, words(&["NONE"]));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for wrong in [
            "",
            "CMD",
            "RUN make",
            "FROM x",
            "CMD [\"a\", 1]",
            "VOLUME \"\"",
            "VOLUME [\" \"]",
            "ONBUILD onbuild RUN x",
            "ONBUILD FROM x",
            "HEALTHCHECK x",
            "HEALTHCHECK CMD",
            "HEALTHCHECK NONE x",
            "HEALTHCHECK --interval=5 CMD x",
            "HEALTHCHECK --interval=-5s CMD x",
            "HEALTHCHECK --retries=x CMD x",
            "HEALTHCHECK --often CMD x",
            "ENV A",
            "ENV =1",
            "ENV A=1 B",
            "LABEL a='b",
            "EXPOSE x",
            "EXPOSE 0",
            "EXPOSE 70000",
            "EXPOSE 9-8",
            "EXPOSE 80/icmp",
            "LABEL a=b\\",
        ] {
            assert!(wrong.parse::<Change>().is_err(), "{wrong}");
        }
    }
}

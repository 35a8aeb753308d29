//! Running an image: its layers as the root, its configuration as the command.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Args;
use kit::{Error, Failure, Result};
use layers::{Layers, Writable};
use namespaces::{Command, Gate, Mechanism, Plan};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use crate::config::Process;
use crate::find::find;
use crate::image::Image;
use crate::store::{Lease, Store};

/// Options of `run`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct RunOptions {
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "COMMAND")]
    pub entrypoint: Option<OsString>,

    /// All that step 04 has. Unless it names a root file system, the first word of the command is an image.
    #[command(flatten)]
    pub layers: layers::cli::RunOptions,
}

/// An image that is to be run. It stays whole for as long as this is held, whoever removes it meanwhile.
#[derive(Debug)]
pub struct Runnable {
    layers: Vec<PathBuf>,
    process: Process,
    _lease: Lease,
}

impl RunOptions {
    /// The image that the command begins with, if no other root file system was named. A container without a name goes
    /// by its host name.
    ///
    /// # Errors
    /// There is no such image, or it is damaged.
    pub fn image(&self, store: &Store, hostname: &OsStr) -> Result<Option<Runnable>> {
        let root = &self.layers.cgroups.rootfs.root;
        if root.rootfs.is_some() || !self.layers.layers.layer.is_empty() {
            return Ok(None);
        }
        let words = &self.layers.cgroups.rootfs.namespaces.process.command;
        let word = words.first().ok_or_else(|| {
            Error::new("no image given").hint("name one after the options, as in `run IMAGE sh`")
        })?;
        let container = match &self.layers.cgroups.name {
            Some(name) => name.clone(),
            None => hostname.to_string_lossy().into_owned(),
        };
        Runnable::new(store, &word.to_string_lossy(), &container).map(Some)
    }
}

impl Runnable {
    /// Finds the image that `word` means, and holds it for the container of this name.
    ///
    /// # Errors
    /// There is no such image, or it is damaged.
    pub fn new(store: &Store, word: &str, container: &str) -> Result<Self> {
        // The first look is without the lock, which a user who only mistypes may not be allowed to take.
        find(&store.catalog()?, word)?;
        let locked = store.lock()?;
        let catalog = locked.catalog()?;
        let id = find(&catalog, word)?.id();
        let image = Image::read(&locked, id, &catalog.images[&id])?;
        let lease = locked.lease()?;
        locked.extend(&lease, image.content())?;
        locked.use_image(&lease, container, id)?;
        let store = locked.layers()?;
        let path = |chain| store.open(chain).map(|opened| opened.path().to_owned());
        let layers: Vec<PathBuf> = image.chain_ids().iter().map(path).collect::<Result<_>>()?;
        if layers.is_empty() {
            return Err(Error::new(format!("the image {word} has no layers"))
                .hint("there is no file in it, and so nothing that could be run"));
        }
        Ok(Self {
            layers,
            process: image.config.config.unwrap_or_default(),
            _lease: lease,
        })
    }

    /// The mechanism that makes the image the root.
    pub fn layers(&self) -> Layers {
        Layers::new(self.layers.clone(), Writable::Scratch)
    }

    /// What is run: the entry point, then the caller's words or else the image's command, in the image's environment
    /// and directory. `explicit` are the variables that the caller has set, which the image does not change.
    ///
    /// # Errors
    /// There is nothing to run.
    pub fn command(
        &self,
        mut command: Command,
        entrypoint: Option<&OsStr>,
        explicit: &[OsString],
    ) -> Result<Command> {
        let words = command.arguments.split_off(1);
        command.arguments = self.arguments(words, entrypoint);
        if command.arguments.is_empty() {
            return Err(Error::new("no command specified")
                .hint("the image has none of its own: name one after it"));
        }
        let names: Vec<&OsStr> = explicit.iter().map(|one| name_of(one)).collect();
        for variable in self.process.env.iter().flatten() {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            if names.contains(&OsStr::new(name)) {
                continue;
            }
            let known = command.environment.iter_mut().find(|(own, _)| own == name);
            match known {
                Some((_, own)) => *own = value.into(),
                None => command.environment.push((name.into(), value.into())),
            }
        }
        if command.directory.is_none() && !self.process.working_dir.is_empty() {
            command.directory = Some(PathBuf::from(&self.process.working_dir));
        }
        Ok(command)
    }

    /// An entry point of the caller's own stands alone: the image's command was written for the image's.
    fn arguments(&self, words: Vec<OsString>, entrypoint: Option<&OsStr>) -> Vec<OsString> {
        let of = |list: &Option<Vec<String>>| list.iter().flatten().map(OsString::from).collect();
        let (mut arguments, default): (Vec<OsString>, Vec<OsString>) = match entrypoint {
            Some(own) if own.is_empty() => (Vec::new(), Vec::new()),
            Some(own) => (vec![own.to_owned()], Vec::new()),
            None => (of(&self.process.entrypoint), of(&self.process.cmd)),
        };
        arguments.extend(match words.is_empty() {
            true => default,
            false => words,
        });
        arguments
    }

    /// The mechanism that makes the command the image's user, if that is not root.
    ///
    /// # Errors
    /// The user is not given by numbers.
    pub fn user(&self) -> Result<Option<User>> {
        let text = &self.process.user;
        if text.is_empty() {
            return Ok(None);
        }
        let (user, group) = text.split_once(':').unwrap_or((text, "0"));
        match (user.parse(), group.parse()) {
            (Ok(0), Ok(0)) => Ok(None),
            (Ok(user), Ok(group)) => Ok(Some(User {
                user: Uid::from_raw(user),
                group: Gid::from_raw(group),
            })),
            _ => Err(Error::new(format!(
                "the image's user {text:?} is not given by numbers, as in 1000:1000"
            ))
            .hint("a name is looked up in the image's own files, which a later step does")),
        }
    }
}

/// `NAME` of `NAME=VALUE`.
fn name_of(variable: &OsStr) -> &OsStr {
    use std::os::unix::ffi::OsStrExt;
    let bytes = variable.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=');
    OsStr::from_bytes(&bytes[..end.unwrap_or(bytes.len())])
}

/// The user of the command. It stands last in the list: whatever is before it may need to be root.
#[derive(Debug)]
pub struct User {
    user: Uid,
    group: Gid,
}

impl Mechanism for User {
    fn name(&self) -> &'static str {
        "user"
    }

    /// A number is nobody to be looked up.
    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    /// Groups first: whoever is no longer root may change neither (credentials(7)).
    fn enter(&self, _: &Gate) -> Result<(), Failure<'_>> {
        setgroups(&[self.group]).map_err(Failure::of("set the groups", b""))?;
        setresgid(self.group, self.group, self.group)
            .map_err(Failure::of("become the group", b""))?;
        setresuid(self.user, self.user, self.user).map_err(Failure::of("become the user", b""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::simple;

    fn runnable(process: Process) -> (tempfile::TempDir, Runnable) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        simple(&store, "app", "x", "");
        let mut runnable = Runnable::new(&store, "app", "c1").unwrap();
        runnable.process = process;
        (dir, runnable)
    }

    fn list(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    fn command(words: &[&str]) -> Command {
        Command {
            arguments: words.iter().map(OsString::from).collect(),
            environment: vec![("PATH".into(), "/bin".into()), ("A".into(), "mine".into())],
            directory: None,
            stdin: false,
            terminal: false,
            init: true,
        }
    }

    #[test]
    fn the_entry_point_stands_before_the_command() {
        let (_dir, image) = runnable(Process {
            entrypoint: list(&["entry"]),
            cmd: list(&["default"]),
            ..Process::default()
        });
        for (words, entrypoint, expected) in [
            (&["app"][..], None, &["entry", "default"][..]),
            (&["app", "x", "y"], None, &["entry", "x", "y"]),
            (&["app"], Some("own"), &["own"]),
            (&["app", "x"], Some("own"), &["own", "x"]),
            (&["app", "x"], Some(""), &["x"]),
        ] {
            let command = image.command(command(words), entrypoint.map(OsStr::new), &[]);
            assert_eq!(
                command.unwrap().arguments,
                expected,
                "{words:?} {entrypoint:?}"
            );
        }
        assert!(
            image
                .command(command(&["app"]), Some(OsStr::new("")), &[])
                .is_err()
        );
    }

    #[test]
    fn the_callers_variables_win_over_the_images_and_those_over_the_defaults() {
        let (_dir, image) = runnable(Process {
            cmd: list(&["x"]),
            env: list(&["PATH=/image", "A=image", "B=image"]),
            working_dir: "/srv".to_owned(),
            ..Process::default()
        });
        let command = image
            .command(command(&["app"]), None, &["A=mine".into()])
            .unwrap();
        let expected = [("PATH", "/image"), ("A", "mine"), ("B", "image")];
        assert_eq!(
            command.environment,
            expected.map(|(n, v)| (n.into(), v.into()))
        );
        assert_eq!(command.directory, Some(PathBuf::from("/srv")));
    }

    #[test]
    fn a_user_is_two_numbers() {
        for (text, expected) in [
            ("", Some(None)),
            ("0", Some(None)),
            ("1000", Some(Some((1000, 0)))),
            ("1000:50", Some(Some((1000, 50)))),
            ("nobody", None),
            ("1000:users", None),
            ("-1", None),
        ] {
            let (_dir, image) = runnable(Process {
                user: text.to_owned(),
                ..Process::default()
            });
            let user = image.user().ok();
            let numbers = user.map(|u| u.map(|u| (u.user.as_raw(), u.group.as_raw())));
            assert_eq!(numbers, expected, "{text}");
        }
    }
}

//! Running an image: its layers as the root, its configuration as the command.

mod account;
mod fetch;
mod user;
mod view;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use kit::{Error, Result};
use layers::{Layers, Writable};
use namespaces::Command;
use rootfs::Rootfs;

pub use self::account::Account;
use self::account::name_of;
pub use self::fetch::{FetchOptions, When};
pub use self::user::User;
use self::view::{View, is_plain};
use crate::change::clean;
use crate::config::Process;
use crate::find::find;
use crate::image::Image;
use crate::settings::Settings;
use crate::store::{Lease, Store};
use crate::streams::Streams;

/// Options of `run`.
// Steps 02 to 04 want a root for `--read-only`, `--bind`, `--tmpfs` and `--device`; here an image is one.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(
    group(ArgGroup::new("root").multiple(true)),
    mut_arg("command", |argument| argument.group("root")),
    mut_arg("rootfs", |argument| argument.conflicts_with("layer"))
)]
pub struct RunOptions {
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "COMMAND")]
    pub entrypoint: Option<OsString>,

    /// Run the command as this user, by name or number (long, --userns makes a user namespace, as in step 01)
    #[arg(
        id = "account",
        short = 'u',
        value_name = "USER[:GROUP]",
        allow_hyphen_values = true
    )]
    pub account: Option<String>,

    /// Where the image comes from.
    #[command(flatten)]
    pub fetch: FetchOptions,

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
    /// The image that the command begins with, if no other root file system was named; it is pulled if that is wanted,
    /// and what the pull shows goes to `streams`. A container without a name goes by its host name.
    ///
    /// # Errors
    /// There is no such image, it cannot be pulled, or it is damaged.
    pub fn image(
        &self,
        settings: &Settings,
        store: &Store,
        hostname: &OsStr,
        streams: &mut Streams<'_>,
    ) -> Result<Option<Runnable>> {
        if self.has_root() {
            return Ok(None);
        }
        let namespaces = &self.layers.cgroups.rootfs.namespaces;
        let word = namespaces.process.command.first().ok_or_else(|| {
            Error::new("no image given").hint("name one after the options, as in `run IMAGE sh`")
        })?;
        let word = word.to_string_lossy();
        let container = match &self.layers.cgroups.name {
            Some(name) => name.clone(),
            None => hostname.to_string_lossy().into_owned(),
        };
        self.fetch
            .fetch(&word, settings, store, streams)
            .and_then(|()| Runnable::new(store, &word, &container))
            .map(Some)
            .map_err(|error| match namespaces.user {
                true => mistaken_user(error, &word),
                false => error,
            })
    }

    /// Whether another root than an image is named.
    fn has_root(&self) -> bool {
        self.layers.cgroups.rootfs.root.rootfs.is_some() || !self.layers.layers.layer.is_empty()
    }

    /// Who the command is: the user that was named, or else the image's, looked up in the files of the container.
    /// `None` on another root than an image, unless a user was named.
    ///
    /// # Errors
    /// There is no such user or group; the files cannot be read.
    pub fn account(&self, image: Option<&Runnable>) -> Result<Option<Account>> {
        let spec = match (&self.account, image) {
            (Some(user), _) => user,
            (None, Some(image)) => &image.process.user,
            (None, None) => return Ok(None),
        };
        let layers = match (image, &self.layers.cgroups.rootfs.root.rootfs) {
            (Some(image), _) => image.layers.clone(),
            (None, Some(directory)) => vec![directory.clone()],
            (None, None) => {
                let absolute = |path: &PathBuf| {
                    std::fs::canonicalize(path).map_err(|e| Error::io("open the layer", path, &e))
                };
                let layers = self.layers.layers.layer.iter().map(absolute);
                layers.collect::<Result<_>>()?
            }
        };
        let view = View::new(&layers)?;
        Account::find(spec, &view.text(c"etc/passwd")?, &view.text(c"etc/group")?).map(Some)
    }

    /// As in step 04. The image's volumes are mounts of their own, and the working directory is there.
    ///
    /// # Errors
    /// A bind, tmpfs or device that is not in its form.
    pub fn rootfs(
        &self,
        layers: Option<&Layers>,
        image: Option<&Runnable>,
        directory: Option<&PathBuf>,
    ) -> Result<Option<Rootfs>> {
        let (Some(layers), Some(image)) = (layers, image) else {
            return self.layers.rootfs(layers);
        };
        let mut options = self.layers.cgroups.root()?.options_on(layers.root())?;
        options.volumes = image.volumes();
        options
            .directories
            .extend(directory.map(|directory| image.place(directory)));
        Ok(Some(Rootfs::new(options)))
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
    /// There is nothing to run; the directory is not an absolute path.
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
        if let Some(directory) = &mut command.directory {
            if directory.is_absolute() {
                *directory = clean(directory);
                return Ok(command);
            }
            return Err(Error::new(format!(
                "the working directory '{}' is invalid, it needs to be an absolute path",
                directory.display()
            )));
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

    /// Where the working directory is to be made. As in Docker, a link of the image that leads to nothing says where, too.
    fn place(&self, directory: &Path) -> PathBuf {
        if is_plain(&self.layers, directory) {
            return directory.to_owned();
        }
        // Who may not look is not kept from running: then what is there has to do.
        match View::new(&self.layers) {
            Ok(view) => view.place(directory),
            Err(_) => directory.to_owned(),
        }
    }

    /// The directories that the image calls volumes. They are writable also where the root is not, begin with what the
    /// image has in them, and go with the container, as anonymous volumes do with `docker run --rm`.
    fn volumes(&self) -> Vec<PathBuf> {
        let volumes = self.process.volumes.iter().flatten();
        volumes.map(|(path, _)| PathBuf::from(path)).collect()
    }
}

/// Docker's `--user` takes a name, and step 01's, which was there before there were images, none.
fn mistaken_user(error: Error, word: &str) -> Error {
    let also = format!(
        "--userns makes a user namespace and takes no name, so {word} was taken for the image; `-u {word}` makes it the user"
    );
    let hint = match error.hint_text() {
        Some(hint) => format!("{hint}; or: {also}"),
        None => also,
    };
    error.hint(hint)
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
}

//! Running an image: its layers as the root, its configuration as the process.

mod fetch;
mod view;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use kit::{Error, Result};
use layers::{Layers, Writable};
use namespaces::{Account, Defaults, Process, Wanted};
use rootfs::{Mount, Options};

pub use self::fetch::{FetchOptions, When};
use self::view::View;
use crate::change::clean;
use crate::config;
use crate::find::find;
use crate::image::Image;
use crate::settings::Settings;
use crate::store::{Lease, Store};
use crate::streams::Streams;

/// The image.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct ImageOptions {
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "COMMAND")]
    pub entrypoint: Option<OsString>,

    /// Run the command as this user, by name or number
    #[arg(long, short, value_name = "USER[:GROUP]", allow_hyphen_values = true)]
    pub user: Option<String>,

    /// Where the image comes from.
    #[command(flatten)]
    pub fetch: FetchOptions,
}

/// An image that is to be run. It stays whole for as long as this is held, whoever removes it meanwhile.
#[derive(Debug)]
pub struct Runnable {
    layers: Vec<PathBuf>,
    config: config::Process,
    _lease: Lease,
}

impl ImageOptions {
    /// The image that the words of `wanted` begin with, which is taken away from them; it is pulled if that is wanted,
    /// and what the pull shows goes to `streams`. It is held for the container of the name `container`.
    ///
    /// # Errors
    /// There is no such image, it cannot be pulled, or it is damaged.
    pub fn image(
        &self,
        wanted: &mut Wanted,
        container: &str,
        settings: &Settings,
        store: &Store,
        streams: &mut Streams<'_>,
    ) -> Result<Runnable> {
        if wanted.words.is_empty() {
            return Err(Error::new("no image given")
                .hint("name one after the options, as in `run IMAGE sh`"));
        }
        let word = wanted.words.remove(0);
        let word = word.to_string_lossy();
        self.fetch.fetch(&word, settings, store, streams)?;
        Runnable::new(store, &word, container)
    }

    // ANCHOR: complete
    /// Completes `wanted`: with the entry point, and with who the command is, which is the user that was named, or else the
    /// image's, looked up in the files of the container, whose layers are `layers`. On another root than an image it is
    /// whoever the mechanisms have made it, unless a user was named.
    ///
    /// # Errors
    /// There is no such user or group; the files cannot be read.
    pub fn complete(
        &self,
        wanted: &mut Wanted,
        image: Option<&Runnable>,
        layers: &[PathBuf],
    ) -> Result<()> {
        wanted.entrypoint.clone_from(&self.entrypoint);
        let spec = match (&self.user, image) {
            (Some(user), _) => user,
            (None, Some(image)) => &image.config.user,
            (None, None) => return Ok(()),
        };
        let view = View::new(layers)?;
        let (users, groups) = (view.text(c"etc/passwd")?, view.text(c"etc/group")?);
        wanted.user = Some(Account::find(spec, &users, &groups)?);
        Ok(())
    }
    // ANCHOR_END: complete
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
            config: image.config.config.unwrap_or_default(),
            _lease: lease,
        })
    }

    /// The directories of its layers, the bottom first.
    pub fn directories(&self) -> &[PathBuf] {
        &self.layers
    }

    /// The mechanism that makes the image the root.
    pub fn layers(&self) -> Layers {
        Layers::new(self.layers.clone(), Writable::Scratch)
    }

    /// What is run: what the caller wants, and where the caller does not say, what the image does.
    ///
    /// # Errors
    /// There is nothing to run; the directory is not an absolute path.
    pub fn process(&self, wanted: &Wanted) -> Result<Process> {
        let mut process = Process::new(wanted, &self.defaults());
        if process.arguments.is_empty() {
            return Err(Error::new("no command specified")
                .hint("the image has none of its own: name one after it"));
        }
        if let Some(directory) = &mut process.directory {
            if !directory.is_absolute() {
                return Err(Error::new(format!(
                    "the working directory '{}' is invalid, it needs to be an absolute path",
                    directory.display()
                )));
            }
            *directory = clean(directory);
        }
        Ok(process)
    }

    fn defaults(&self) -> Defaults {
        let words =
            |list: &Option<Vec<String>>| list.iter().flatten().map(OsString::from).collect();
        let directory = &self.config.working_dir;
        Defaults {
            entrypoint: words(&self.config.entrypoint),
            command: words(&self.config.cmd),
            environment: words(&self.config.env),
            directory: (!directory.is_empty()).then(|| PathBuf::from(directory)),
        }
    }

    /// Adds to the root file system what the image wants: its volumes are mounts of their own, writable also where the
    /// root is not; they begin with what the image has in them, and go with the container, as anonymous volumes do with
    /// `docker run --rm`. And the working directory of `process` is there.
    ///
    /// # Errors
    /// An image whose volume is the root itself.
    pub fn furnish(&self, root: &mut Options, process: &Process) -> Result<()> {
        let volumes = self.config.volumes.iter().flatten();
        root.add(volumes.map(|(path, _)| Mount::volume(path)))?;
        let directory = process.directory.as_deref();
        root.directories
            .extend(directory.map(|directory| self.place(directory)));
        Ok(())
    }

    /// Where the working directory is to be made. As in Docker, a link of the image that leads to nothing says where, too.
    fn place(&self, directory: &Path) -> PathBuf {
        // Who may not look is not kept from running: then what is there has to do.
        match View::new(&self.layers) {
            Ok(view) => view.place(directory),
            Err(_) => directory.to_owned(),
        }
    }
}

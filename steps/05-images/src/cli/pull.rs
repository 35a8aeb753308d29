//! `images pull`.

use clap::Args;
use kit::{Error, Result};

use super::output::{platform, written};
use super::progress::progress;
use super::{Settings, Streams};
use crate::platform::Platform;
use crate::pull::pull;
use crate::reference::Reference;
use crate::registry::{Client, Repository};
use crate::source::Blind;
use crate::store::Store;

/// Options of `pull`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Download all tagged images in the repository
    #[arg(short, long)]
    all_tags: bool,

    /// Of an image for several platforms, pull this one (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,

    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,

    /// What to pull
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    name: String,
}

pub(super) fn run(
    options: &Options,
    settings: &Settings,
    store: &Store,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let whole: Reference = options.name.parse()?;
    let platform = platform(options.platform.as_deref())?.unwrap_or_else(Platform::host);
    let client = settings.client()?;
    let one = Pull {
        client: &client,
        platform: &platform,
        quiet: options.quiet,
    };
    if !options.all_tags {
        if whole.is_name_only() && !options.quiet {
            streams.line("Using default tag: latest")?;
        }
        let name = whole.or_latest();
        let is_new = one.pull(&name, store, streams)?;
        one.status(is_new, &name.familiar(), streams)?;
        return streams.line(&name);
    }
    if !whole.is_name_only() {
        return Err(Error::new("tag can't be used with --all-tags/-a"));
    }
    let repository = Repository::new(whole.domain(), whole.path())?;
    let mut any_new = false;
    for tag in client.tags(&repository)? {
        any_new |= one.pull(&whole.with_tag(&tag)?, store, streams)?;
    }
    one.status(any_new, &whole.familiar_name(), streams)?;
    streams.line(whole.name())
}

/// How one image is pulled, and shown.
#[derive(Debug)]
pub(crate) struct Pull<'a> {
    pub(crate) client: &'a Client,
    pub(crate) platform: &'a Platform,
    pub(crate) quiet: bool,
}

impl Pull<'_> {
    /// Pulls what `name` means, and shows how. Whether it meant another image before, or none, comes back.
    pub(crate) fn pull(
        &self,
        name: &Reference,
        store: &Store,
        streams: &mut Streams<'_>,
    ) -> Result<bool> {
        if self.quiet {
            let pulled = pull(store, self.client, name, self.platform, &Blind)?;
            return Ok(pulled.is_new);
        }
        let what = match (name.digest(), name.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or_default().to_owned(),
        };
        streams.line(format!("{what}: Pulling from {}", name.path()))?;
        written(streams.out.flush())?;
        let shown = progress(streams);
        let pulled = pull(store, self.client, name, self.platform, &*shown)?;
        drop(shown);
        streams.line(format!("Digest: {}", pulled.digest))?;
        Ok(pulled.is_new)
    }

    /// What has come of it all.
    pub(crate) fn status(&self, is_new: bool, name: &str, streams: &mut Streams<'_>) -> Result<()> {
        match (self.quiet, is_new) {
            (true, _) => Ok(()),
            (false, true) => {
                streams.line(format_args!("Status: Downloaded newer image for {name}"))
            }
            (false, false) => streams.line(format_args!("Status: Image is up to date for {name}")),
        }
    }
}

//! `images pull`.

use clap::Args;
use kit::{Error, Result};

use super::Streams;
use super::output::written;
use super::progress::Lines;
use crate::platform::Platform;
use crate::pull::pull;
use crate::reference::Reference;
use crate::registry::{Client, Configuration, Repository};
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
    platform: Option<Platform>,

    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,

    /// What to pull
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    name: Reference,
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let client = Client::new(Configuration::from_environment());
    if !options.all_tags {
        let name = options.name.clone();
        if name.is_name_only() && !options.quiet {
            streams.line("Using default tag: latest")?;
        }
        let name = name.or_latest();
        pull_one(options, &client, &name, store, streams)?;
        return streams.line(&name);
    }
    if !options.name.is_name_only() {
        return Err(Error::new("tag can't be used with --all-tags/-a"));
    }
    let repository = Repository::new(options.name.domain(), options.name.path())?;
    for tag in client.tags(&repository)? {
        let name = options.name.with_tag(&tag)?;
        pull_one(options, &client, &name, store, streams)?;
    }
    streams.line(options.name.name())
}

fn pull_one(
    options: &Options,
    client: &Client,
    name: &Reference,
    store: &Store,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let platform = options.platform.clone().unwrap_or_else(Platform::host);
    if options.quiet {
        return pull(store, client, name, &platform, &Blind).map(drop);
    }
    let what = match (name.digest(), name.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or_default().to_owned(),
    };
    streams.line(format!("{what}: Pulling from {}", name.path()))?;
    written(streams.out.flush())?;
    let pulled = pull(store, client, name, &platform, &Lines::new(streams.out))?;
    streams.line(format!("Digest: {}", pulled.digest))?;
    streams.line(match pulled.is_new {
        true => format!("Status: Downloaded newer image for {}", name.familiar()),
        false => format!("Status: Image is up to date for {}", name.familiar()),
    })
}

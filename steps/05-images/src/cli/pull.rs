//! `images pull`.

use clap::Args;
use kit::{Error, Result};

use super::output::platform;
use super::{Settings, Streams};
use crate::platform::Platform;
use crate::pull::Pull;
use crate::reference::Reference;
use crate::registry::Repository;
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

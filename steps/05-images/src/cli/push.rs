//! `images push`.

use clap::Args;
use kit::{Error, Result};

use super::progress::short;
use super::{Settings, Streams};
use crate::push::push;
use crate::reference::Reference;
use crate::registry::{Client, Pushed};
use crate::store::Store;

/// Options of `push`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Push all tags of an image to the repository
    #[arg(short, long)]
    all_tags: bool,

    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,

    /// What to push, and where
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

pub(super) fn run(
    options: &Options,
    settings: &Settings,
    store: &Store,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let whole: Reference = options.name.parse()?;
    let client = settings.client()?;
    if !options.all_tags {
        if whole.is_name_only() && !options.quiet {
            streams.line("Using default tag: latest")?;
        }
        announce(options, &whole, streams)?;
        return push_one(options, &client, &whole.or_latest(), store, streams);
    }
    if !whole.is_name_only() {
        return Err(Error::new("tag can't be used with --all-tags/-a"));
    }
    let catalog = store.catalog()?;
    let names: Vec<Reference> = catalog
        .all_references()
        .map(|(name, _)| name)
        .filter(|name| name.name() == whole.name() && name.tag().is_some())
        .collect();
    if names.is_empty() {
        return Err(Error::new(format!(
            "An image does not exist locally with the tag: {}",
            whole.familiar_name()
        )));
    }
    announce(options, &whole, streams)?;
    names
        .iter()
        .try_for_each(|name| push_one(options, &client, name, store, streams))
}

fn announce(options: &Options, name: &Reference, streams: &mut Streams<'_>) -> Result<()> {
    match options.quiet {
        true => Ok(()),
        false => streams.line(format_args!(
            "The push refers to repository [{}]",
            name.name()
        )),
    }
}

fn push_one(
    options: &Options,
    client: &Client,
    name: &Reference,
    store: &Store,
    streams: &mut Streams<'_>,
) -> Result<()> {
    if options.quiet {
        push(store, client, name, |_, _| Ok(()))?;
        return streams.line(name);
    }
    let done = push(store, client, name, |layer, how| {
        let text = match how {
            Pushed::Already => "Layer already exists",
            Pushed::Mounted => "Mounted",
            Pushed::Sent(_) => "Pushed",
        };
        streams.line(format!("{}: {text}", short(&layer.digest)))
    })?;
    streams.line(format!(
        "{}: digest: {} size: {}",
        name.tag().unwrap_or_default(),
        done.digest,
        done.size
    ))
}

//! `images push`.

use std::borrow::Cow;
use std::collections::HashMap;

use clap::Args;
use indicatif::{MultiProgress, ProgressBar};
use kit::{Error, Result};
use layers::digest::Digest;

use super::{Settings, Streams};
use crate::progress::{WITH_BAR, WITHOUT_BAR, short, style};
use crate::push::{Event, Layer, check, push};
use crate::reference::Reference;
use crate::registry::Client;
use crate::store::Store;
use crate::streams::written;

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
    let names = match options.all_tags {
        true if !whole.is_name_only() => {
            return Err(Error::new("tag can't be used with --all-tags/-a"));
        }
        true => tagged(store, &whole)?,
        false => vec![whole.clone().or_latest()],
    };
    names.iter().try_for_each(check)?;
    let client = settings.client()?;
    if !options.quiet {
        if !options.all_tags && whole.is_name_only() {
            streams.line("Using default tag: latest")?;
        }
        streams.line(format_args!(
            "The push refers to repository [{}]",
            whole.name()
        ))?;
    }
    if names.is_empty() {
        return Err(Error::new(format!(
            "An image does not exist locally with the tag: {}",
            whole.familiar_name()
        )));
    }
    for name in &names {
        push_one(options, &client, name, store, streams)?;
    }
    match (options.quiet, options.all_tags) {
        (false, _) => Ok(()),
        (true, true) => streams.line(whole.name()),
        (true, false) => streams.line(&names[0]),
    }
}

/// The names of the repository that are tags.
fn tagged(store: &Store, whole: &Reference) -> Result<Vec<Reference>> {
    let catalog = store.catalog()?;
    let names = catalog.all_references().map(|(name, _)| name);
    Ok(names
        .filter(|name| name.name() == whole.name() && name.digest().is_none())
        .collect())
}

fn push_one(
    options: &Options,
    client: &Client,
    name: &Reference,
    store: &Store,
    streams: &mut Streams<'_>,
) -> Result<()> {
    if options.quiet {
        return push(store, client, name, &mut |_, _| Ok(())).map(|_| ());
    }
    written(streams.out.flush())?;
    let done = match streams.is_terminal {
        true => {
            let mut bars = Bars::default();
            push(store, client, name, &mut |layer, event| {
                bars.show(layer, event);
                Ok(())
            })?
        }
        false => push(store, client, name, &mut |layer, event| {
            line(streams, layer, event)
        })?,
    };
    streams.line(format!(
        "{}: digest: {} size: {}",
        name.tag().unwrap_or_default(),
        done.digest,
        done.size
    ))
}

/// A line for each thing that happens to a layer.
fn line(streams: &mut Streams<'_>, layer: &Layer, event: Event<'_>) -> Result<()> {
    if matches!(event, Event::Sending(_)) {
        return Ok(());
    }
    streams.line(format_args!("{}: {}", short(&layer.diff_id), word(event)))?;
    written(streams.out.flush())
}

/// A bar for each layer that is sent.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    each: HashMap<Digest, ProgressBar>,
}

impl Bars {
    fn show(&mut self, layer: &Layer, event: Event<'_>) {
        let bar = self.each.entry(layer.diff_id).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(layer.blob.size));
            bar.set_style(style(WITHOUT_BAR));
            bar.set_prefix(short(&layer.diff_id));
            bar
        });
        match event {
            Event::Preparing | Event::Waiting => bar.set_message(word(event)),
            Event::Sending(bytes) => {
                if bar.position() == 0 {
                    bar.set_style(style(WITH_BAR));
                    bar.set_message(word(event));
                }
                bar.set_position(bytes);
            }
            Event::Already | Event::Mounted(_) | Event::Sent => {
                bar.set_style(style(WITHOUT_BAR));
                bar.finish_with_message(word(event));
            }
        }
    }
}

fn word(event: Event<'_>) -> Cow<'static, str> {
    Cow::Borrowed(match event {
        Event::Preparing => "Preparing",
        Event::Waiting => "Waiting",
        Event::Sending(_) => "Pushing",
        Event::Already => "Layer already exists",
        Event::Mounted(from) => return format!("Mounted from {}", from.name()).into(),
        Event::Sent => "Pushed",
    })
}

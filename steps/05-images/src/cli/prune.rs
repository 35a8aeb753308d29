//! `images prune`.

use std::io::BufRead;

use clap::Args;
use kit::Result;

use super::Streams;
use super::output::{parsed, with_value};
use crate::prune::{self, prune};
use crate::remove::Removed;
use crate::store::{Store, User};
use crate::streams::written;
use crate::units;

/// Options of `prune`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,

    /// Only those: until=, label=, label!=, dangling= (repeatable)
    #[arg(long, value_parser = with_value)]
    filter: Vec<String>,

    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

pub(super) fn run(
    options: &Options,
    store: &Store,
    users: &[User],
    streams: &mut Streams<'_>,
) -> Result<()> {
    let what = prune::Options {
        all: options.all,
        filters: parsed(&options.filter)?,
    };
    if !options.force && !is_wanted(what.named_too()?, streams)? {
        return Ok(());
    }
    let (removed, bytes) = prune(store, &what, users)?;
    if !removed.is_empty() {
        streams.line("Deleted Images:")?;
        for one in &removed {
            // Docker writes these in lower case here, and here alone.
            match one {
                Removed::Untagged(name) => streams.line(format!("untagged: {name}"))?,
                Removed::Deleted(digest) => streams.line(format!("deleted: {digest}"))?,
            }
        }
        streams.line("")?;
    }
    streams.line(format!("Total reclaimed space: {}", units::size(bytes, 4)))
}

fn is_wanted(all: bool, streams: &mut Streams<'_>) -> Result<bool> {
    let which = match all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    };
    streams.text(&format!(
        "WARNING! This will remove {which}.\nAre you sure you want to continue? [y/N] "
    ))?;
    written(streams.out.flush())?;
    let mut answer = String::new();
    // No answer is none.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

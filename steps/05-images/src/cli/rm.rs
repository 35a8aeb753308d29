//! `images rm`.

use clap::Args;
use kit::error::Kind;
use kit::{Error, Result};

use super::Streams;
use crate::remove::{self, remove};
use crate::store::{Store, User};

/// Options of `rm`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,

    /// Do not delete untagged parents
    #[arg(long)]
    no_prune: bool,

    /// Names, digests, ids or beginnings of ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// All of them, also after a failure; the failures are told together at the end. With `--force`, a missing image is
/// only warned of, unless something else fails, too.
pub(super) fn run(
    options: &Options,
    store: &Store,
    users: &[User],
    streams: &mut Streams<'_>,
) -> Result<()> {
    let how = remove::Options {
        force: options.force,
        keep_parents: options.no_prune,
    };
    let mut failures: Vec<Error> = Vec::new();
    for image in &options.images {
        match remove(store, image, how, users) {
            Ok(removed) => removed.iter().try_for_each(|line| streams.line(line))?,
            Err(error) => failures.push(error),
        }
    }
    let is_missing = |error: &Error| error.kind() == Kind::NotFound;
    if options.force && failures.iter().all(is_missing) {
        failures.iter().for_each(|error| streams.warn(error));
        return Ok(());
    }
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => {
            let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
            Err(Error::new(texts.join("\n")))
        }
    }
}

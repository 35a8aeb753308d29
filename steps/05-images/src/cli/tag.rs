//! `images tag`.

use clap::Args;
use kit::{Error, Result};

use crate::reference::Reference;
use crate::store::Store;

/// Options of `tag`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// An image that is there
    #[arg(value_name = "SOURCE_IMAGE[:TAG]")]
    source: String,

    /// Its new name
    #[arg(value_name = "TARGET_IMAGE[:TAG]")]
    target: String,
}

pub(super) fn run(options: &Options, store: &Store) -> Result<()> {
    let target: Reference = options.target.parse().map_err(|error: Error| {
        error.within(format_args!(
            "Error parsing reference: {:?} is not a valid repository/tag",
            options.target
        ))
    })?;
    if target.digest().is_some() {
        return Err(
            Error::new("refusing to create a tag with a digest reference")
                .hint("a digest follows from the content, and cannot be given"),
        );
    }
    crate::tag::tag(store, &options.source, &target)
}

//! `images inspect`.

use clap::Args;
use kit::{Error, Result};
use template::Value;
use template::inspect::Format;

use super::Streams;
use crate::find::find;
use crate::inspect::{Inspection, inspect};
use crate::store::Store;
use crate::streams::written;

/// Options of `inspect`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Names, digests, ids or beginnings of ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    /// Format output: json, or a Go template such as '{{.Id}}'
    #[arg(
        short,
        long,
        value_name = "TEMPLATE",
        default_value = "",
        hide_default_value = true
    )]
    format: String,
}

/// Shows those that are there, and tells of the others.
pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let format = Format::parse(&options.format)?;
    let catalog = store.catalog()?;
    let mut found: Vec<Inspection> = Vec::new();
    let mut failure: Option<Error> = None;
    for word in &options.images {
        match find(&catalog, word).and_then(|found| inspect(store, &catalog, found.id())) {
            Ok(inspection) => found.push(inspection),
            Err(error) => {
                if let Some(earlier) = failure.replace(error) {
                    streams.warn(earlier);
                }
            }
        }
    }
    // An image that is there is a struct to a template, whose fields are Docker's.
    let elements: Vec<Value> = found.iter().map(Value::of).collect::<Result<_, _>>()?;
    let mut bytes = Vec::new();
    let shown = format.write(&elements, &mut bytes);
    // As in Docker: what a template could make of some is shown, also if it failed for others.
    written(streams.out.write_all(&bytes))?;
    shown?;
    failure.map_or(Ok(()), Err)
}

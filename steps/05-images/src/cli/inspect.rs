//! `images inspect`.

use clap::Args;
use kit::{Error, Result};

use super::Streams;
use crate::find::find;
use crate::inspect::{Inspection, inspect};
use crate::store::Store;

/// Options of `inspect`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Names, digests, ids or beginnings of ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    /// Print the list on one line
    #[arg(short, long, value_parser = ["json"])]
    format: Option<String>,
}

/// Shows those that are there, and tells of the others.
pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
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
    match &options.format {
        None => streams.line(pretty(&found)?)?,
        Some(_) => {
            for one in &found {
                streams.line(serde_json::to_string(one).map_err(json)?)?;
            }
        }
    }
    failure.map_or(Ok(()), Err)
}

/// With Docker's indentation.
fn pretty(found: &[Inspection]) -> Result<String> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(found, &mut serializer).map_err(json)?;
    String::from_utf8(text).map_err(|_| Error::new("JSON is UTF-8"))
}

fn json(error: serde_json::Error) -> Error {
    Error::new(format!("cannot write the image as JSON: {error}"))
}

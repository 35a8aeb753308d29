//! `images import`.

use std::fs::File;
use std::io::Read;

use clap::Args;
use kit::{Error, Result};

use super::Streams;
use crate::change::Change;
use crate::import::{Import, import};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::Store;

/// Options of `import`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Apply a Dockerfile instruction to the created image (repeatable)
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<Change>,

    /// Set a commit message for the imported image
    #[arg(short, long)]
    message: Option<String>,

    /// What the image is for (default: this machine)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,

    /// An archive of a file system, or - for standard input
    #[arg(value_name = "FILE|-")]
    source: String,

    /// The image's name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<Reference>,
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    if options
        .name
        .as_ref()
        .is_some_and(|name| name.digest().is_some())
    {
        return Err(Error::new("cannot import digest reference")
            .hint("a digest follows from the content, and cannot be given"));
    }
    let (input, origin): (Box<dyn Read>, _) = match options.source.as_str() {
        "-" => (Box::new(std::io::stdin().lock()), "-"),
        path => {
            let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
            (Box::new(file), path)
        }
    };
    let what = Import {
        name: options.name.clone(),
        changes: options.change.clone(),
        message: match &options.message {
            Some(message) => message.clone(),
            None => format!("Imported from {origin}"),
        },
        platform: options.platform.clone().unwrap_or_else(Platform::host),
    };
    streams.line(import(store, input, &what)?)
}

//! `images import`.

use std::fs::File;
use std::io::Read;

use clap::Args;
use kit::{Error, Result};

use super::output::{parsed, platform};
use super::{Settings, Streams};
use crate::change::Change;
use crate::import::{Import, import};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::Store;
use crate::streams::written;

/// Options of `import`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Apply a Dockerfile instruction to the created image (repeatable)
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,

    /// Set a commit message for the imported image
    #[arg(short, long)]
    message: Option<String>,

    /// What the image is for (default: this machine)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,

    /// An archive of a file system: a file, an address that begins with http:// or https://, or - for standard input
    #[arg(value_name = "FILE|URL|-")]
    source: String,

    /// The image's name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

pub(super) fn run(
    options: &Options,
    settings: &Settings,
    store: &Store,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let name: Option<Reference> = options.name.as_deref().map(str::parse).transpose()?;
    if name.as_ref().is_some_and(|name| name.digest().is_some()) {
        return Err(Error::new("cannot import digest reference")
            .hint("a digest follows from the content, and cannot be given"));
    }
    let platform = platform(options.platform.as_deref())?;
    let changes: Vec<Change> = parsed(&options.change)?;
    // What Docker's history tells: a file comes to its daemon without a name.
    let mut origin = "-";
    let input: Box<dyn Read> = match options.source.as_str() {
        "-" => Box::new(std::io::stdin().lock()),
        url if url.starts_with("http://") || url.starts_with("https://") => {
            origin = url;
            let body = settings.client()?.download(url)?;
            streams.line(format_args!("Downloading from {url}"))?;
            written(streams.out.flush())?;
            body
        }
        path => Box::new(File::open(path).map_err(|e| Error::io("open", path, &e))?),
    };
    let what = Import {
        name,
        changes,
        message: match &options.message {
            Some(message) => message.clone(),
            None => format!("Imported from {origin}"),
        },
        platform: platform.unwrap_or_else(Platform::host),
    };
    streams.line(import(store, input, &what)?)
}

//! `images load`.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;
use kit::{Error, Result};

use super::Streams;
use super::output::platform;
use crate::archive::load;
use crate::source::Blind;
use crate::store::Store;

/// Options of `load`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Read from a tar archive file, instead of standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Suppress the load output: what is loaded is named all the same
    #[arg(short, long)]
    quiet: bool,

    /// Of an image for several platforms, load this one (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let platform = platform(options.platform.as_deref())?;
    let input: Box<dyn Read> = match &options.input {
        Some(path) => Box::new(File::open(path).map_err(|e| Error::io("open", path, &e))?),
        None if std::io::stdin().is_terminal() => {
            return Err(Error::new("requested load from stdin, but stdin is empty")
                .hint("name a file with -i, or redirect"));
        }
        None => Box::new(std::io::stdin().lock()),
    };
    for image in load(store, input, platform.as_ref(), &Blind)? {
        match image.names[..] {
            [] => streams.line(format!("Loaded image ID: {}", image.id))?,
            _ => image
                .names
                .iter()
                .try_for_each(|name| streams.line(format!("Loaded image: {}", name.familiar())))?,
        }
    }
    Ok(())
}

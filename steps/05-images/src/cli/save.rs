//! `images save`.

use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use kit::{Error, Result};

use super::Streams;
use crate::archive::save;
use crate::store::Store;

/// Options of `save`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Write to a file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Names or ids; a name without a tag means all its tags
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    match &options.output {
        Some(path) => to_file(options, store, path),
        None if streams.is_terminal => Err(Error::new("cowardly refusing to save to a terminal")
            .hint("use the -o flag or redirect")),
        None => save(
            store,
            &options.images,
            BufWriter::with_capacity(1 << 16, &mut *streams.out),
        ),
    }
}

/// The file is whole or not there. What is no file (`/dev/stdout`, a pipe) is written to.
fn to_file(options: &Options, store: &Store, path: &Path) -> Result<()> {
    let fails = |e: &std::io::Error| Error::io("write the archive", path, e);
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let file = std::fs::OpenOptions::new().write(true).open(path);
        return save(store, &options.images, file.map_err(|e| fails(&e))?);
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".tmp-")
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(directory)
        .map_err(|e| fails(&e))?;
    save(
        store,
        &options.images,
        BufWriter::with_capacity(1 << 16, file.as_file()),
    )?;
    file.persist(path).map_err(|e| fails(&e.error))?;
    Ok(())
}

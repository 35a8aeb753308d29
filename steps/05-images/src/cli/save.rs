//! `images save`.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use kit::{Error, Result};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::linkat;

use super::Streams;
use super::output::platform;
use crate::archive::save;
use crate::find::look_up;
use crate::image::Image;
use crate::platform::Platform;
use crate::store::Store;

/// Options of `save`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Write to a file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Refuse images that are for another platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,

    /// Names or ids; a name without a tag means all its tags
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    if let Some(platform) = platform(options.platform.as_deref())? {
        check(&platform, &options.images, store)?;
    }
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

/// The store keeps one platform of an image: that which was pulled.
fn check(platform: &Platform, words: &[String], store: &Store) -> Result<()> {
    let catalog = store.catalog()?;
    for word in words {
        // A name without a tag may mean several, of which `save` looks at each.
        let Some(found) = look_up(&catalog, word)? else {
            continue;
        };
        let image = Image::read(store, found.id(), &catalog.images[&found.id()])?;
        let own = image.config.platform();
        if platform.accepts(&own).is_none() {
            return Err(Error::new(format!(
                "the image {word} does not provide the specified platform ({platform})"
            ))
            .hint(format!(
                "it is for {own}; `images pull --platform {platform}` fetches the other"
            )));
        }
    }
    Ok(())
}

/// The file is whole or not there. What is no file (`/dev/stdout`, a pipe) is written to.
fn to_file(options: &Options, store: &Store, path: &Path) -> Result<()> {
    let fails = |e: &std::io::Error| Error::io("write the archive", path, e);
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let file = OpenOptions::new().write(true).open(path);
        return save(store, &options.images, file.map_err(|e| fails(&e))?);
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::metadata(directory).map_err(|e| fails(&e))?;
    let write = |file: &File| {
        let buffered = BufWriter::with_capacity(1 << 16, file);
        save(store, &options.images, buffered)
    };
    let unnamed = OpenOptions::new()
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE)
        .open(directory);
    match unnamed {
        Ok(file) => {
            write(&file)?;
            name(&file, directory, path).map_err(|e| fails(&e))
        }
        // Not every file system has files without a name (NFS has not).
        Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
            let file = temporary()
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(directory)
                .map_err(|e| fails(&e))?;
            write(file.as_file())?;
            file.persist(path).map_err(|e| fails(&e.error))?;
            Ok(())
        }
        Err(e) => Err(fails(&e)),
    }
}

/// Gives a file its name: whoever was killed before has left nothing. One that replaces another takes a step more,
/// since a link never replaces (linkat(2)).
fn name(file: &File, directory: &Path, path: &Path) -> io::Result<()> {
    match link(file, path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let linked = temporary().make_in(directory, |temporary| link(file, temporary))?;
            linked.persist(path).map_err(|e| e.error)?;
            Ok(())
        }
        done => done,
    }
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    let follow = AtFlags::AT_SYMLINK_FOLLOW;
    Ok(linkat(AT_FDCWD, open.as_str(), AT_FDCWD, path, follow)?)
}

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    builder
}

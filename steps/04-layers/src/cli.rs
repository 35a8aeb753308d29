//! The command line of this step, in groups: a step's `main.rs` puts those of its mechanisms side by side.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use cgroups::values::{self, Limit};
use clap::Args;
use kit::{Error, Result};

use crate::compression::decompress;
use crate::diff::changes;
use crate::digest::{Digest, Digesting};
use crate::extract::{Options, extract};
use crate::layers::{Layers, Writable};
use crate::pack::pack;
use crate::tar::Limits;
use crate::target::Target;
use crate::whiteout::Namespace;

/// The layers.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct LayerOptions {
    /// A layer of the root file system, the bottom first (repeatable)
    #[arg(long, value_name = "DIR", group = "root")]
    pub layer: Vec<PathBuf>,

    /// Keep what the container writes, in this directory
    #[arg(long, value_name = "DIR", requires_all = ["layer", "work"])]
    pub upper: Option<PathBuf>,

    /// An empty directory beside it, for overlayfs alone
    #[arg(long, value_name = "DIR", requires = "upper")]
    pub work: Option<PathBuf>,
}

impl LayerOptions {
    /// The mechanism of this step, if layers were given.
    pub fn layers(&self) -> Option<Layers> {
        if self.layer.is_empty() {
            return None;
        }
        let writable = match (&self.upper, &self.work) {
            (Some(upper), Some(work)) => Writable::Kept {
                upper: upper.clone(),
                work: work.clone(),
            },
            _ => Writable::Scratch,
        };
        Some(Layers::new(self.layer.clone(), writable))
    }
}

/// Options of `unpack`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct UnpackOptions {
    /// The layer: an empty directory, made if it is missing
    pub directory: PathBuf,

    /// A tar archive, plain or compressed with gzip or zstd [default: standard input]
    pub archive: Option<PathBuf>,

    /// For containers with `run --userns`, whose overlayfs keeps its marks elsewhere
    #[arg(long)]
    pub userns: bool,

    /// Refuse an archive whose files are larger together, as in 64m [default: 256g]
    #[arg(long, value_name = "BYTES", value_parser = values::size)]
    pub max_size: Option<Limit<u64>>,

    /// Refuse an archive of more entries [default: 10000000]
    #[arg(long, value_name = "NUMBER")]
    pub max_entries: Option<u64>,
}

impl UnpackOptions {
    /// Unpacks, and returns the digest of the archive as it was before it was compressed: the diff ID.
    ///
    /// # Errors
    /// A directory that is not empty, and whatever [`extract`] refuses.
    pub fn unpack(&self) -> Result<Digest> {
        let namespace = namespace(self.userns);
        let options = Options {
            namespace,
            keep_owners: nix::unistd::geteuid().is_root(),
            limits: self.limits(),
        };
        let input: Box<dyn Read> = match &self.archive {
            None => Box::new(io::stdin().lock()),
            Some(path) => {
                Box::new(File::open(path).map_err(|e| Error::io("open the archive", path, &e))?)
            }
        };
        let target = Target::claim(&self.directory)?;
        let unpacked = unpack_into(target.place(), input, options)
            .and_then(|digest| target.show().map(|()| digest));
        if unpacked.is_err() {
            target.clear();
        }
        unpacked
    }

    fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            data: self.max_size.and_then(Limit::get).unwrap_or(default.data),
            entries: self.max_entries.unwrap_or(default.entries),
            ..default
        }
    }
}

fn unpack_into(directory: &Path, input: Box<dyn Read>, options: Options) -> Result<Digest> {
    let mut input = Digesting::new(decompress(input)?);
    extract(&mut input, directory, options)?;
    Ok(input.finish().0)
}

/// Options of `pack`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct PackOptions {
    /// The layer
    pub directory: PathBuf,

    /// It was written by containers with `run --userns`
    #[arg(long)]
    pub userns: bool,
}

impl PackOptions {
    /// Writes the archive to `output`. Returns a sentence if something could not be part of it.
    ///
    /// # Errors
    /// Whatever [`pack`] refuses.
    pub fn pack(&self, output: impl Write) -> Result<Option<String>> {
        let output = BufWriter::with_capacity(1 << 17, output);
        let packed = pack(&self.directory, namespace(self.userns), output)?;
        Ok(match packed.sockets {
            0 => None,
            1 => Some("one socket was left out: no archive can hold it".to_owned()),
            many => Some(format!(
                "{many} sockets were left out: no archive can hold them"
            )),
        })
    }
}

/// Options of `diff`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct DiffOptions {
    /// The layer whose changes are wanted, such as the --upper of a container
    pub upper: PathBuf,

    /// The layers below it, the bottom first
    pub layer: Vec<PathBuf>,

    /// They belong to containers with `run --userns`
    #[arg(long)]
    pub userns: bool,
}

impl DiffOptions {
    /// A line for each change, as `docker diff` prints them. Names are shown as they are, whatever bytes they have.
    ///
    /// # Errors
    /// A layer that cannot be read.
    pub fn lines(&self) -> Result<Vec<u8>> {
        let changes = changes(&self.upper, &self.layer, namespace(self.userns))?;
        let mut lines = Vec::new();
        for (path, change) in changes {
            lines.extend(format!("{change} ").bytes());
            lines.extend(path);
            lines.push(b'\n');
        }
        Ok(lines)
    }
}

fn namespace(is_user: bool) -> Namespace {
    match is_user {
        true => Namespace::User,
        false => Namespace::here(),
    }
}

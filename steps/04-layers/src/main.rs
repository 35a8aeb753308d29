//! `layers`: archives to layers, and layers to archives.

use std::io::{BufReader, BufWriter, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::{Error, Result};
use layers::extract::{Options, extract};
use layers::pack::pack;
use layers::tar::Limits;
use layers::whiteout::Namespace;

/// Unpack archives into layers of overlayfs, and pack layers into archives.
#[derive(Parser)]
#[command(name = "layers", version)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Unpack an archive from standard input into an empty directory
    Unpack {
        /// Made if it is missing
        directory: PathBuf,
    },
    /// Pack a layer's directory into an archive on standard output
    Pack {
        /// The layer
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Unpack { directory }) => unpack(&directory),
        Ok(Action::Pack { directory }) => {
            pack(&directory, namespace(), BufWriter::new(stdout().lock())).map(|_| ())
        }
        Err(code) => return code,
    };
    kit::program::finish("layers", result.map(|()| ExitCode::SUCCESS))
}

fn unpack(directory: &PathBuf) -> Result<()> {
    std::fs::create_dir_all(directory)
        .map_err(|e| Error::io("make the directory", directory, &e))?;
    let is_empty = std::fs::read_dir(directory)
        .map_err(|e| Error::io("list", directory, &e))?
        .next()
        .is_none();
    if !is_empty {
        return Err(Error::new(format!("{} is not empty", directory.display()))
            .hint("a layer is unpacked into a directory of its own"));
    }
    let options = Options {
        namespace: namespace(),
        keep_owners: is_root(),
        limits: Limits::default(),
    };
    extract(
        BufReader::with_capacity(1 << 16, stdin().lock()),
        directory,
        options,
    )
    .map(|_| ())
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn namespace() -> Namespace {
    if is_root() {
        Namespace::Trusted
    } else {
        Namespace::User
    }
}

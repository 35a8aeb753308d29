//! What can be done with a layer while nothing runs on it: unpack, pack and compare. Later steps take it over.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Subcommand;
use kit::program::{note, show};
use kit::{Error, Result};

use crate::cli::{DiffOptions, PackOptions, UnpackOptions};

/// The actions.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Unpack an archive into a layer, and print its digest
    Unpack(UnpackOptions),
    /// Pack a layer into an archive on standard output
    Pack(PackOptions),
    /// Show what a layer changes: A for added, C for changed, D for deleted
    Diff(DiffOptions),
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// Whatever the options' own functions refuse.
    pub fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Unpack(options) => show(format!("{}\n", options.unpack()?).as_bytes()),
            Self::Pack(_) if std::io::stdout().is_terminal() => {
                Err(Error::new("cowardly refusing to pack to a terminal")
                    .hint("redirect it: `pack DIR >archive.tar`"))
            }
            Self::Pack(options) => {
                if let Some(sentence) = options.pack(std::io::stdout().lock())? {
                    note(&sentence);
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Diff(options) => show(&options.lines()?),
        }
    }
}

//! `cargo lab root [DIR]`: the default root file system, made where it is missing. `up` runs this as root.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cmd::image;
use crate::privilege::Privilege;
use crate::process;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to make it; what stands there is replaced
    directory: Option<PathBuf>,

    /// Write it to standard output too, as an image that `images load` takes
    #[arg(long)]
    archive: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let directory = arguments
        .directory
        .clone()
        .unwrap_or_else(busybox::default_root);
    busybox::make(&directory)?;
    if arguments.archive {
        image::write(&directory, std::io::stdout().lock())?;
    } else {
        say!("{}", directory.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the default root file system as root, by running ourselves, unless it is there.
pub(crate) fn ensure(privilege: Privilege) -> Result<PathBuf> {
    let directory = busybox::default_root();
    if privilege == Privilege::Root {
        busybox::make(&directory)?;
    } else if !busybox::is_made(&directory) {
        let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
        process::output(privilege.command(ourselves).arg("root").arg(&directory))?;
    }
    Ok(directory)
}

//! `images`: images in a store, out of archives and into them.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use images::cli::{Action, Streams, run};
use images::store::Store;
use kit::Result;

/// Keep images, and what they are made of.
#[derive(Parser)]
#[command(name = "images", version)]
struct Cli {
    /// Where images are kept [default: DRYDOCK_ROOT, or /var/lib/drydock]
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,

    #[command(subcommand)]
    action: Action,
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>() {
        Ok(cli) => images(&cli),
        Err(code) => Ok(code),
    };
    kit::program::finish("images", result)
}

fn images(cli: &Cli) -> Result<ExitCode> {
    let store = Store::new(&cli.root.clone().unwrap_or_else(kit::roots::data));
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let mut streams = Streams {
        is_terminal: stdout.is_terminal(),
        out: &mut std::io::BufWriter::new(stdout),
        err: &mut stderr.lock(),
    };
    run(&cli.action, &store, &[], &mut streams)?;
    Ok(ExitCode::SUCCESS)
}

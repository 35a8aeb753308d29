//! `cargo lab dev …`: for those who write exercises, and the parts of the lab that run as root.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Subcommand;

use super::Desk;
use crate::cmd::{attack, root};
use crate::exercise::cell::{self, Inmate};
use crate::exercise::{behaviour, catalogue, cells, prove};
use crate::privilege::Privilege;
use crate::ui::{self, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Prove that exercises are sound: starters fail, solutions pass, each mutant is rejected in its own way
    Check {
        /// Only these
        slugs: Vec<String>,
        /// Write down anew how the starters and the mutants fail
        #[arg(long)]
        bless: bool,
    },
    /// Run the checks that standard input asks for
    #[command(hide = true)]
    Cells,
    /// Ask a program what the program of a step must do
    #[command(hide = true)]
    Behave {
        /// The step
        step: String,
        /// A check's id, or --list
        #[arg(allow_hyphen_values = true)]
        check: String,
    },
    /// Run one check in one cell
    #[command(hide = true)]
    Cell {
        /// An inmate, as JSON
        inmate: String,
        /// Where to write how it ended
        result: PathBuf,
    },
    /// Be the host in one cell of the attack matrix
    #[command(hide = true)]
    Stage {
        /// Who is attacked
        subject: String,
        /// By what
        probe: String,
    },
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.action {
        Action::Check { slugs, bless } => check(&slugs, bless),
        Action::Cells => {
            cells::serve(std::io::stdin(), std::io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Behave { step, check } => behaviour::answer(&step, &check),
        Action::Cell { inmate, result } => cell(&inmate, &result),
        Action::Stage { subject, probe } => attack::stage::run(&subject, &probe),
    }
}

fn check(slugs: &[String], bless: bool) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let mut chosen = Vec::new();
    for slug in slugs {
        chosen.push(catalogue::find(&desk.exercises, slug)?);
    }
    if slugs.is_empty() {
        chosen.extend(&desk.exercises);
    }
    let privilege = Privilege::acquire()?;
    root::ensure(privilege)?;
    let start = Instant::now();
    let faults = prove::prove(&desk.repo, privilege, &chosen, bless)?;
    for (slug, list) in &faults {
        for fault in list {
            say!("{slug}: {fault}");
        }
    }
    let count = chosen.len();
    say!(
        "{count} exercises, {} of them sound, in {}",
        count - faults.len(),
        ui::duration(start.elapsed())
    );
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cell(inmate: &str, result: &Path) -> Result<ExitCode> {
    let inmate: Inmate =
        serde_json::from_str(inmate).context("cannot read who is to be in the cell")?;
    let end = cell::run(&inmate)?;
    kit::fs::write_atomically(result, &serde_json::to_vec(&end)?)?;
    Ok(ExitCode::SUCCESS)
}

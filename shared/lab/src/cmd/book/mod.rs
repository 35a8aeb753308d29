//! `cargo lab book`: the book is built, shown, and executed.
//!
//! Every `console` fence of a chapter is a test. `check` runs the chapter's commands in one disposable sandbox and
//! compares what they print with what the page says they print; `bless` rewrites the page.

mod build;
mod chapter;
mod check;
mod escapes;
mod generated;
mod inside;
mod lint;
mod needs;
mod normal;
mod sandbox;
mod scene;
mod tables;
mod template;
mod transcript;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::repo::Repo;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Without one, the book is built
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Build the book, generated parts and all, into target/book
    Build,
    /// Build the book and show it, anew after each change
    Serve {
        /// The port to listen on; 0 takes a free one
        #[arg(long, default_value_t = 3000)]
        port: u16,
        /// The address to listen on; only this machine sees the default
        #[arg(long, default_value_t = build::LOCAL)]
        address: IpAddr,
    },
    /// Run every command in the book and compare what it prints
    Check(check::Arguments),
    /// Run every command in the book and write what it prints into the pages; bring the generated parts up to date
    Bless(check::Arguments),
    /// Look for dead links, code typed by hand, anchors without code, missing sections, outdated generated parts
    Lint,
    /// One chapter's sandbox, seen from inside
    #[command(hide = true)]
    Inside(inside::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match arguments.action.as_ref().unwrap_or(&Action::Build) {
        Action::Build => build::build(&Repo::find()?),
        Action::Serve { port, address } => build::serve(&Repo::find()?, *address, *port),
        Action::Check(arguments) => check::check(arguments),
        Action::Bless(arguments) => check::bless(arguments),
        Action::Lint => lint::run(&Repo::find()?),
        Action::Inside(arguments) => inside::run(arguments),
    }
}

/// The book's own folder, in the repository at `root`.
fn folder(repo: &Repo) -> PathBuf {
    repo.root.join("book")
}

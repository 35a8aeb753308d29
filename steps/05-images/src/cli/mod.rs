//! The command line, but for what starts containers: each command in a file of its own. They write to what they are
//! given, so that the engine can have them as its own.

mod df;
mod history;
mod import;
mod inspect;
mod load;
mod login;
mod ls;
mod output;
mod prompt;
mod prune;
mod pull;
mod push;
mod rm;
mod save;
mod search;
mod tag;

use clap::Subcommand;
use kit::{Error, Result, error};

pub use crate::settings::Settings;
use crate::store::{Store, User};
pub use crate::streams::Streams;
use crate::streams::written;

/// What can be done with images.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// List images
    #[command(alias = "list", alias = "images")]
    Ls(ls::Options),
    /// Remove one or more images
    #[command(alias = "rmi", alias = "remove")]
    Rm(rm::Options),
    /// Remove unused images
    Prune(prune::Options),
    /// Create a tag TARGET that refers to SOURCE
    Tag(tag::Options),
    /// Show the history of an image
    History(history::Options),
    /// Display detailed information on one or more images
    Inspect(inspect::Options),
    /// Save one or more images to a tar archive (streamed to standard output by default)
    Save(save::Options),
    /// Load images from a tar archive or standard input
    Load(load::Options),
    /// Import the contents of a tarball to create an image
    Import(import::Options),
    /// Show what images take on disk
    Df(df::Options),
    /// Download an image from a registry
    Pull(pull::Options),
    /// Upload an image to a registry
    Push(push::Options),
    /// Search a registry, which is Docker Hub unless the term names another
    Search(search::Options),
    /// Authenticate to a registry
    Login(login::Options),
    /// Log out from a registry
    Logout(login::LogoutOptions),
}

/// Does it. `users` are containers beside those that hold a lease.
///
/// # Errors
/// Whatever fails; its exit code is 1, which is Docker's where no container is concerned.
pub fn run(
    action: &Action,
    settings: &Settings,
    store: &Store,
    users: &[User],
    streams: &mut Streams<'_>,
) -> Result<()> {
    let result = match action {
        Action::Ls(options) => ls::run(options, store, streams),
        Action::Rm(options) => rm::run(options, store, users, streams),
        Action::Prune(options) => prune::run(options, store, users, streams),
        Action::Tag(options) => tag::run(options, store),
        Action::History(options) => history::run(options, store, streams),
        Action::Inspect(options) => inspect::run(options, store, streams),
        Action::Save(options) => save::run(options, store, streams),
        Action::Load(options) => load::run(options, store, streams),
        Action::Import(options) => import::run(options, settings, store, streams),
        Action::Df(options) => df::run(options, store, users, streams),
        Action::Pull(options) => pull::run(options, settings, store, streams),
        Action::Push(options) => push::run(options, settings, store, streams),
        Action::Search(options) => search::run(options, settings, streams),
        Action::Login(options) => login::run(options, settings, streams),
        Action::Logout(options) => login::logout(options, settings, streams),
    };
    result
        .and_then(|()| written(streams.out.flush()))
        .map_err(daemon)
}

/// With the exit code that Docker's client has for what its daemon refuses.
fn daemon(error: Error) -> Error {
    match error.exit_code() {
        error::FAILED => error.code(1),
        _ => error,
    }
}

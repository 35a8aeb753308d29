//! Step 05: images.
//!
//! What a container starts from has a name, that people give it, and an id, that follows from its content. Between the
//! two stand a reference ([`reference`](mod@reference)), a manifest and a configuration ([`manifest`], [`config`]), a
//! store that keeps every blob under its digest and every layer under its chain ID ([`store`]), and one way in for all
//! that comes from elsewhere ([`install`](mod@install)), be it an archive ([`archive`]) or a registry ([`registry`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `reference/`, `find.rs` | what people call an image, and which one they mean |
//! | `manifest.rs`, `manifest/`, `choose.rs`, `config.rs`, `platform.rs` | what an image is made of, how it is run, for which machine |
//! | `lenient/` | JSON as Go's decoder takes it, for all that comes from elsewhere |
//! | `store/` | blobs, layers, the catalog; leases, and the collection of what nobody needs |
//! | `install/`, `source.rs`, `compression.rs` | the one way in: fetch, verify and unpack in one pass |
//! | `pull/`, `push.rs`, `registry/` | from and to a registry |
//! | `archive/`, `import.rs`, `change.rs`, `expand.rs` | from and to an archive |
//! | `list.rs`, `filter.rs`, `glob.rs`, `inspect.rs`, `history.rs`, `usage.rs`, `image.rs` | looking at images |
//! | `tag.rs`, `remove.rs`, `prune.rs` | changing what there is |
//! | `run/` | a container on an image: what is pulled first, who the command is, where it starts |
//! | `cli/`, `units.rs` | the command line, in Docker's words |
//! | `settings.rs`, `streams.rs`, `progress.rs` | what a command goes by, where it writes to, how a pull is shown |

pub mod archive;
pub mod change;
mod choose;
pub mod cli;
mod command;
pub mod compression;
pub mod config;
mod expand;
pub mod filter;
pub mod find;
mod glob;
mod healthcheck;
pub mod history;
pub mod id;
pub mod image;
pub mod import;
pub mod inspect;
pub mod install;
mod lenient;
pub mod list;
pub mod manifest;
pub mod platform;
mod progress;
pub mod prune;
pub mod pull;
pub mod push;
pub mod reference;
pub mod registry;
pub mod remove;
pub mod run;
mod settings;
pub mod source;
pub mod store;
mod streams;
pub mod tag;
#[cfg(test)]
mod testing;
pub mod units;
pub mod usage;

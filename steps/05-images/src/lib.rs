//! Step 05: images.
//!
//! What a container starts from has a name, that people give it, and an id, that follows from its content. Between the
//! two stand a reference ([`reference`](mod@reference)), a manifest and a configuration ([`manifest`], [`config`]), a
//! store that keeps every blob under its digest and every layer under its chain ID ([`store`]), and one way in for all
//! that comes from elsewhere ([`install`](mod@install)), be it an archive ([`archive`]) or a registry ([`registry`]).

pub mod archive;
pub mod change;
pub mod cli;
pub mod compression;
pub mod config;
pub mod filter;
pub mod find;
mod glob;
pub mod history;
pub mod id;
pub mod image;
pub mod import;
pub mod inspect;
pub mod install;
pub mod list;
pub mod manifest;
pub mod platform;
pub mod prune;
pub mod pull;
pub mod push;
pub mod reference;
pub mod registry;
pub mod remove;
pub mod run;
pub mod source;
pub mod store;
pub mod tag;
#[cfg(test)]
mod testing;
pub mod units;
pub mod usage;

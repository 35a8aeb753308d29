//! The command line of this step, in groups: a step's `main.rs` puts those of its mechanisms side by side.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use kit::Result;
use namespaces::{Mechanisms, Namespaces};

use crate::bind::{Bind, Tmpfs};
use crate::mount::Mount;
use crate::options::Options;
use crate::plan::Surroundings;
use crate::source::Root;
use crate::table::Table;

/// The root file system.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct RootOptions {
    /// The directory that becomes the root; without it, the host's files are seen
    // A group, which later steps add other roots to: there can be one only.
    #[arg(long, value_name = "DIR", group = "root")]
    pub rootfs: Option<PathBuf>,

    /// Make the root itself read-only
    #[arg(long, requires = "root")]
    pub read_only: bool,

    /// Files and directories of the host that are shown in the container, as [`Bind::parse`] reads them.
    #[arg(
        long,
        value_name = "SRC:DST[:OPTIONS]",
        requires = "root",
        help = "Show a file or directory of the host in the container; OPTIONS are ro, rw, [r]private, [r]slave, [r]shared (repeatable)"
    )]
    pub bind: Vec<OsString>,

    /// Mount an empty file system in memory (repeatable)
    #[arg(long, value_name = "DST[:OPTIONS]", requires = "root")]
    pub tmpfs: Vec<OsString>,
}

impl RootOptions {
    /// What is asked for, on `made`, if another mechanism makes the root, or else on `--rootfs`; `None` without either.
    /// `binds` are added to those of `--bind`.
    ///
    /// # Errors
    /// A bind or tmpfs that is not in its form.
    pub fn options(
        &self,
        made: Option<Root>,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<Option<Options>> {
        let Some(root) = made.or_else(|| self.rootfs.clone().map(Root::from)) else {
            return Ok(None);
        };
        let mut options = Options {
            read_only: self.read_only,
            ..Options::new(root)
        };
        let mut mounts: Vec<Mount> = Vec::new();
        for text in &self.bind {
            mounts.push(Bind::parse(text)?.into());
        }
        mounts.extend(binds.into_iter().map(Mount::from));
        for text in &self.tmpfs {
            mounts.push(Tmpfs::parse(text)?.into());
        }
        options.add(mounts)?;
        Ok(Some(options))
    }
}

/// The plan that `run` would carry out. It needs no privilege and changes nothing.
///
/// # Errors
/// Whatever `run` would refuse before the container exists.
pub fn table(namespaces: Namespaces, options: &Options) -> Result<Table> {
    let surroundings = Mechanisms::new().and(namespaces).plan()?;
    let (root, plan) = options.plan(Surroundings::of(&surroundings))?;
    Ok(Table::new(&root, &plan))
}

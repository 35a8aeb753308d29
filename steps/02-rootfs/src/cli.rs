//! The command line of `run` and `plan`, as far as this step adds to it. Later steps flatten these options into their
//! own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use kit::Result;
use namespaces::{Mechanism, Plan};

use crate::bind::{Bind, Tmpfs};
use crate::mount::{Mount, PropagationKind};
use crate::plan::Surroundings;
use crate::propagation;
use crate::rootfs::{Options, Rootfs};
use crate::source::Root;
use crate::table::Table;

/// Options of `run`.
#[derive(Args, Clone, Debug)]
// Later steps have structs of the same name, and clap would make a group of each.
#[group(skip)]
pub struct RunOptions {
    /// The root file system.
    #[command(flatten)]
    pub root: RootOptions,

    /// All that step 01 has.
    #[command(flatten)]
    pub namespaces: namespaces::cli::RunOptions,
}

/// The root file system, on the command line.
#[derive(Args, Clone, Debug)]
// Later steps have structs of the same name, and clap would make a group of each.
#[group(skip)]
pub struct RootOptions {
    /// The directory that becomes the root; without it, the host's files are seen
    // A group, which later steps add other roots to: there can be one only.
    #[arg(long, value_name = "DIR", group = "root")]
    pub rootfs: Option<PathBuf>,

    /// Make the root itself read-only
    #[arg(long, requires = "root")]
    pub read_only: bool,

    /// Show a file or directory of the host in the container (repeatable)
    #[arg(long, value_name = "SRC:DST[:ro]", requires = "root")]
    pub bind: Vec<OsString>,

    /// Mount an empty file system in memory (repeatable)
    #[arg(long, value_name = "DST[:OPTIONS]", requires = "root")]
    pub tmpfs: Vec<OsString>,
}

impl RunOptions {
    /// The namespaces that these options ask for: with a root file system, its `/proc` is the one that is mounted.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub fn namespaces(&self) -> Result<namespaces::Namespaces> {
        let mut namespaces = self.namespaces.namespaces()?;
        namespaces.mount_proc = self.root.rootfs.is_none();
        namespaces.propagation = match propagation::of_mounts(&self.root.mounts()?) {
            PropagationKind::Shared => 0,
            kind => kind.flag(),
        };
        Ok(namespaces)
    }
}

impl RootOptions {
    /// The mechanism, if a root file system was given.
    ///
    /// # Errors
    /// A bind or tmpfs that is not in its form.
    pub fn rootfs(&self) -> Result<Option<Rootfs>> {
        Ok(self.options()?.map(Rootfs::new))
    }

    /// The same with another root than `--rootfs`.
    ///
    /// # Errors
    /// As [`rootfs`](Self::rootfs).
    pub fn rootfs_on(&self, root: impl Into<Root>) -> Result<Rootfs> {
        self.options_on(root.into()).map(Rootfs::new)
    }

    fn options(&self) -> Result<Option<Options>> {
        let directory = self.rootfs.as_deref();
        directory
            .map(|directory| self.options_on(directory.into()))
            .transpose()
    }

    /// What is asked for, on another root than `--rootfs`: for who adds to it.
    ///
    /// # Errors
    /// As [`rootfs`](Self::rootfs).
    pub fn options_on(&self, root: Root) -> Result<Options> {
        let mut options = Options {
            read_only: self.read_only,
            ..Options::new(root)
        };
        options.add(self.mounts()?)?;
        Ok(options)
    }

    /// What is added to the mounts that every container has.
    fn mounts(&self) -> Result<Vec<Mount>> {
        let binds = self
            .bind
            .iter()
            .map(|text| Bind::parse(text).map(Mount::from));
        let tmpfs = self
            .tmpfs
            .iter()
            .map(|text| Tmpfs::parse(text).map(Mount::from));
        binds.chain(tmpfs).collect()
    }
}

/// Options of `plan`.
#[derive(Args, Clone, Debug)]
// Later steps have structs of the same name, and clap would make a group of each.
#[group(skip)]
pub struct PlanOptions {
    /// What `run` would be given.
    #[command(flatten)]
    pub run: RunOptions,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl PlanOptions {
    /// The plan that `run` would carry out; `None` without `--rootfs`. It needs no privilege and changes nothing.
    ///
    /// # Errors
    /// Whatever `run` would refuse before the container exists.
    pub fn table(&self) -> Result<Option<Table>> {
        let Some(options) = self.run.root.options()? else {
            return Ok(None);
        };
        let mut surroundings = Plan::default();
        self.run.namespaces()?.prepare(&mut surroundings)?;
        let (root, plan) = options.plan(Surroundings::of(&surroundings))?;
        Ok(Some(Table::new(&root, &plan)))
    }
}

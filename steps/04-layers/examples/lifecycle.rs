//! For the tests: a whole container, which one process creates, a second starts and a third undoes.
//!
//! ```text
//! # mkdir box
//! # lifecycle create box --layer base --memory 64m sh -c 'echo hello from $$'
//! # lifecycle start box
//! hello from 1
//! # lifecycle undo box
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cgroups::cli::CgroupOptions;
use clap::{Args, Parser};
use kit::id::Id;
use kit::{Error, Result};
use layers::Layers;
use layers::cli::LayerOptions;
use namespaces::cli::{NamespaceOptions, ProcessOptions, StartOptions};
use namespaces::{
    Defaults, Lifetime, Mechanism, Mechanisms, Plan, Process, Record, Stage, create, start, undo,
};
use rootfs::Rootfs;
use rootfs::cli::RootOptions;

#[derive(Parser)]
enum Verb {
    Create(Box<Options>),
    Start { directory: PathBuf },
    Wait { directory: PathBuf },
    Undo { directory: PathBuf },
}

#[derive(Args)]
struct Options {
    directory: PathBuf,
    #[arg(long)]
    with_parent: bool,
    /// Fail when all the others have been left to themselves
    #[arg(long)]
    refuse: bool,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    root: RootOptions,
    #[command(flatten)]
    namespaces: NamespaceOptions,
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    process: ProcessOptions,
    #[command(flatten)]
    cgroups: CgroupOptions,
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Verb>() {
        Ok(Verb::Create(options)) => options.create(),
        Ok(Verb::Start { directory }) => start(&directory).map(|()| ExitCode::SUCCESS),
        Ok(Verb::Wait { directory }) => wait(&directory),
        Ok(Verb::Undo { directory }) => undo(&directory, &[layers::UNDO, cgroups::UNDO])
            .and_then(|exit| kit::program::show(exit.notes.join("\n").as_bytes())),
        Err(code) => Ok(code),
    };
    kit::program::finish("lifecycle", result)
}

fn wait(directory: &Path) -> Result<ExitCode> {
    if let Some(record) = Record::read(directory)? {
        record.wait()?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn create(&self) -> Result<ExitCode> {
        let id = Id::random()?.short();
        let namespaces = self.namespaces.namespaces(&id)?;
        let layers = self.layers.layers();
        let made = layers.as_ref().map(Layers::root);
        let root = self.root.options(made, self.cgroups.binds())?;
        let wanted = self.process.wanted(&namespaces.hostname, &self.start)?;
        let process = Process::new(&wanted, &Defaults::default());
        let mechanisms = Mechanisms::new()
            .and(namespaces)
            .and_if(layers)
            .and_if(root.map(Rootfs::new))
            .and(self.cgroups.cgroup(&id)?)
            .and_if(self.refuse.then_some(Refuse));
        let lifetime = match self.with_parent {
            true => Lifetime::WithParent,
            false => Lifetime::Detached,
        };
        let streams = self.process.streams();
        let created = create(&process, streams, mechanisms, lifetime, &self.directory)?;
        kit::program::show(format!("{}\n", created.pid()).as_bytes())?;
        match self.with_parent {
            true => created.wait().map(|exit| ExitCode::from(exit.code)),
            false => Ok(ExitCode::SUCCESS),
        }
    }
}

struct Refuse;

impl Mechanism for Refuse {
    fn name(&self) -> &'static str {
        "refuse"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Entered]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    fn detach(&mut self) -> Result<()> {
        Err(Error::new("refused"))
    }
}

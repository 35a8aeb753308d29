//! `images`: images in a store, from archives and registries and back, and containers that run on them.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use cgroups::actions;
use cgroups::cli::CgroupOptions;
use clap::{ArgGroup, Args, Parser, Subcommand};
use images::cli::{Action, Settings, Streams, run as run_action};
use images::run::{ImageOptions, Runnable};
use images::store::Store;
use kit::id::Id;
use kit::{Error, Result};
use layers::Layers;
use layers::cli::LayerOptions;
use namespaces::cli::{NamespaceOptions, ProcessOptions, StartOptions, run};
use namespaces::{Defaults, Mechanisms, Process, Terminal, User, Wanted};
use rootfs::Rootfs;
use rootfs::cli::RootOptions;

/// Keep images, and run commands on them.
#[derive(Parser)]
#[command(name = "images", version)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Run a command in a new container on an image
    Run(Box<RunOptions>),
    #[command(flatten)]
    Images(Action),
    /// Manage containers that run
    #[command(subcommand)]
    Container(actions::Action),
    #[command(flatten)]
    Layers(layers::actions::Action),
}

// Steps 02 to 04 want a root for `--read-only`, `--bind`, `--tmpfs` and `--device`; here an image is one, the first word of
// the command unless another root is named.
// ANCHOR: options
#[derive(Args)]
#[command(
    group(ArgGroup::new("root").multiple(true)),
    mut_arg("command", |argument| argument.group("root")),
    mut_arg("rootfs", |argument| argument.conflicts_with("layer"))
)]
struct RunOptions {
    #[command(flatten)]
    image: ImageOptions,
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
// ANCHOR_END: options

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>() {
        Ok(cli) => dispatch(&cli),
        Err(code) => Ok(code),
    };
    kit::program::finish("images", result)
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Subcommands::Run(options) => run_container(options, &cli.settings),
        Subcommands::Images(action) => images(action, &cli.settings),
        Subcommands::Container(action) => action.run(),
        Subcommands::Layers(action) => action.run(),
    }
}

// ANCHOR: list
fn run_container(options: &RunOptions, settings: &Settings) -> Result<ExitCode> {
    let id = Id::random()?.short();
    let namespaces = options.namespaces.namespaces(&id)?;
    let mut wanted = options
        .process
        .wanted(&namespaces.hostname, &options.start)?;
    let image = options.image(&mut wanted, &options.cgroups.name(&id), settings)?;
    let layers = match &image {
        Some(image) => Some(image.layers()),
        None => options.layers.layers(),
    };
    let directories = options.directories(image.as_ref())?;
    options
        .image
        .complete(&mut wanted, image.as_ref(), &directories)?;
    let process = match &image {
        Some(image) => image.process(&wanted)?,
        None => Process::new(&wanted, &Defaults::default()),
    };
    let made = layers.as_ref().map(Layers::root);
    let mut root = options.root.options(made, options.cgroups.binds())?;
    if let (Some(root), Some(image)) = (&mut root, &image) {
        image.furnish(root, &process)?;
    }
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(namespaces)
        .and_if(layers)
        .and_if(root.map(Rootfs::new))
        .and(options.cgroups.cgroup(&id)?)
        .and_if(User::of(&process))
        .and_if(Terminal::of(&process, &streams));
    run(
        &process,
        streams,
        mechanisms,
        options.start.pid_file.as_deref(),
    )
}
// ANCHOR_END: list

impl RunOptions {
    /// The image, unless another root is named.
    fn image(
        &self,
        wanted: &mut Wanted,
        container: &str,
        settings: &Settings,
    ) -> Result<Option<Runnable>> {
        if self.root.rootfs.is_some() || !self.layers.layer.is_empty() {
            return Ok(None);
        }
        let mut streams = Streams {
            is_terminal: std::io::stderr().is_terminal(),
            out: &mut std::io::stderr(),
            err: &mut std::io::stderr(),
        };
        let image = self
            .image
            .image(wanted, container, settings, &store(), &mut streams);
        image.map(Some)
    }

    /// The directories that the container's files are in, the bottom first.
    fn directories(&self, image: Option<&Runnable>) -> Result<Vec<PathBuf>> {
        let paths = match (image, &self.root.rootfs) {
            (Some(image), _) => return Ok(image.directories().to_vec()),
            (None, Some(root)) => std::slice::from_ref(root),
            (None, None) => &self.layers.layer,
        };
        let absolute =
            |path: &PathBuf| std::fs::canonicalize(path).map_err(|e| Error::io("open", path, &e));
        paths.iter().map(absolute).collect()
    }
}

fn images(action: &Action, settings: &Settings) -> Result<ExitCode> {
    let stdout = std::io::stdout();
    let mut streams = Streams {
        is_terminal: stdout.is_terminal(),
        out: &mut std::io::BufWriter::new(stdout),
        err: &mut std::io::stderr(),
    };
    run_action(action, settings, &store(), &[], &mut streams)?;
    Ok(ExitCode::SUCCESS)
}

fn store() -> Store {
    Store::new(&kit::roots::data())
}

//! `images`: images in a store, from archives and registries and back, and containers that run on them.

use std::io::IsTerminal;
use std::process::ExitCode;

use cgroups::actions;
use clap::{Parser, Subcommand};
use images::cli::{Action, Settings, Streams, run as run_action};
use images::run::{RunOptions, User};
use images::store::Store;
use kit::Result;
use namespaces::Mechanisms;
use namespaces::cli::{push_terminal, run};

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

fn run_container(options: &RunOptions, settings: &Settings) -> Result<ExitCode> {
    let namespaces = options.layers.namespaces()?;
    let common = &options.layers.cgroups.rootfs.namespaces;
    let mut command = common.command(&namespaces.hostname)?;
    let cgroup = options.layers.cgroups.cgroup(&namespaces)?;
    let mut streams = Streams {
        is_terminal: std::io::stderr().is_terminal(),
        out: &mut std::io::stderr(),
        err: &mut std::io::stderr(),
    };
    let image = options.image(settings, &store(), &namespaces.hostname, &mut streams)?;
    let layers = match &image {
        Some(image) => Some(image.layers()),
        None => options.layers.layers(),
    };
    let account = options.account(image.as_ref())?;
    let own = &common.process.env;
    if let Some(account) = &account {
        account.furnish(&mut command, own);
    }
    if let Some(image) = &image {
        command = image.command(command, options.entrypoint.as_deref(), own)?;
    }
    let directory = command.directory.as_ref();
    let rootfs = options.rootfs(layers.as_ref(), image.as_ref(), directory)?;
    let mut mechanisms: Mechanisms = vec![Box::new(namespaces)];
    if let Some(layers) = layers {
        mechanisms.push(Box::new(layers));
    }
    if let Some(rootfs) = rootfs {
        mechanisms.push(Box::new(rootfs));
    }
    mechanisms.push(Box::new(cgroup));
    push_terminal(&mut mechanisms, &common.process);
    if let Some(account) = &account {
        mechanisms.push(Box::new(User::new(account, common.process.terminal)));
    }
    run(&command, mechanisms, common.pid_file.as_deref())
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

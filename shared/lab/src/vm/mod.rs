//! `cargo lab vm`: a Debian VM under QEMU, in which the tests run that can come out otherwise there.
//!
//! The disk is made once ([`image`]); what changes, the repository and its programs, goes in on a second one
//! ([`payload`]). `tests/vm/` holds the guest's side.

mod accelerator;
mod boot;

mod image;
mod payload;
mod plan;
mod select;
mod tests_inside;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use terminal_size::{Height, Width, terminal_size};

use crate::repo::Repo;
use crate::ui::{self, step};
use payload::{Payload, quoted};
use plan::{Hierarchy, Machine};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run the tests that can come out otherwise inside, on cgroup v2, and then those for v1 on v1
    Test {
        /// All tests whose names contain one of these
        filters: Vec<String>,
        /// All tests
        #[arg(long)]
        everything: bool,
        /// Give up on a boot after so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        timeout: u64,
        /// The host has cgroup v1 and runs the tests too: on v1, only those that are about v1
        #[arg(long)]
        beside_v1: bool,
    },
    /// A root shell inside, with the steps' programs in PATH
    Shell {
        /// Which hierarchy to mount
        #[arg(long, value_enum, default_value_t)]
        cgroups: Hierarchy,
    },
    /// Run a command inside as root, and end with its exit code
    Run {
        /// Which hierarchy to mount
        #[arg(long, value_enum, default_value_t)]
        cgroups: Hierarchy,
        /// Give up after so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        timeout: u64,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Make the disk, unless there is one made of the same things
    Build,
    /// Delete the disk
    Clean,
}

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let store = Store::open(&repo)?;
    match arguments.command {
        Command::Test {
            filters,
            everything,
            timeout,
            beside_v1,
        } => tests_inside::run(
            &repo,
            &store,
            &tests_inside::Wanted {
                filters,
                everything,
                limit: Duration::from_secs(timeout),
                beside_v1,
            },
        ),
        Command::Shell { cgroups } => shell(&repo, &store, cgroups),
        Command::Run {
            cgroups,
            timeout,
            command,
        } => one_command(
            &repo,
            &store,
            cgroups,
            Duration::from_secs(timeout),
            &command,
        ),
        Command::Build => {
            image::ensure(&repo, &store)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Clean => {
            image::clean(&store)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Where the VM's files are kept: `vm` in cargo's target directory, so that `cargo clean` takes them along.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    fn open(repo: &Repo) -> Result<Self> {
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => repo.root.join(directory),
            None => repo.root.join("target"),
        };
        let directory = target.join("vm");
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Held while something is made in the store. Other sessions of the same user wait.
    fn lock(&self) -> Result<kit::fs::Lock> {
        Ok(kit::fs::Lock::exclusive(&self.path("lock"))?)
    }
}

/// The VM of this machine's kind, with the disk made and the accelerator chosen; says what it is.
fn machine(repo: &Repo, store: &Store) -> Result<Machine> {
    let image = image::ensure(repo, store)?;
    let mut machine = Machine::new(image)?;
    let choice = accelerator::choose(store, &machine)?;
    step(
        "vm",
        format_args!("QEMU, {}: {}", choice.accelerator, choice.reason),
    );
    machine.accelerator = choice.accelerator;
    Ok(machine)
}

fn shell(repo: &Repo, store: &Store, cgroups: Hierarchy) -> Result<ExitCode> {
    let machine = machine(repo, store)?;
    let (payload, path) = payload_of_steps(repo)?;
    let terminal = std::env::var_os("TERM").unwrap_or_else(|| "vt100".into());
    // A serial port knows nothing of windows; and line ends are the outer terminal's to make (-opost).
    let (Width(columns), Height(rows)) = terminal_size().unwrap_or((Width(80), Height(24)));
    let job = format!(
        "{path}\nexport TERM={}\nstty sane -opost columns {columns} rows {rows}\ncd {}\n\
         echo 'This is the VM. It ends with this shell, and forgets all that was done in it.'\nexec bash -i\n",
        quoted(terminal),
        quoted(&repo.root),
    );
    let disk = payload.disk(store, &job, &[])?;
    boot::interactive(store, &machine, cgroups, &disk)
}

fn one_command(
    repo: &Repo,
    store: &Store,
    cgroups: Hierarchy,
    limit: Duration,
    command: &[OsString],
) -> Result<ExitCode> {
    let machine = machine(repo, store)?;
    let (payload, path) = payload_of_steps(repo)?;
    let words: Vec<_> = command.iter().map(quoted).collect();
    let job = format!(
        "{path}\ncd {}\nexec {} </dev/null\n",
        quoted(&repo.root),
        words.join(" ")
    );
    let disk = payload.disk(store, &job, &[])?;
    let start = Instant::now();
    let code = boot::batch(store, &machine, cgroups, &disk, limit, |line| {
        ui::line(format_args!("{line}"))
    })?;
    step(
        "vm",
        format_args!("ended with {code} after {}", ui::duration(start.elapsed())),
    );
    Ok(ExitCode::from(code))
}

/// The repository and the steps' programs, and the line of shell that puts those into PATH.
fn payload_of_steps(repo: &Repo) -> Result<(Payload, String)> {
    step("build", "the steps");
    let programs = repo.build_release(&[])?;
    let mut folders: Vec<_> = programs
        .values()
        .filter_map(|program| program.parent())
        .collect();
    folders.dedup();
    let path: Vec<_> = folders.iter().map(quoted).collect();
    let path = format!("export PATH={}:$PATH", path.join(":"));
    let payload = Payload::of(repo, programs.values().map(PathBuf::as_path))?;
    Ok((payload, path))
}

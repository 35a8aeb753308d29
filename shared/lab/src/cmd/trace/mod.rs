//! `cargo lab trace -- CMD…`: the system calls of a container's start, in order, with the step's markers between them.

mod book;
mod html;
pub(super) mod relay;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use trace::{Event, Normaliser, Process, Selection, Style, Trace, Tracer, event_text};

use crate::privilege::Privilege;
use crate::repo::Repo;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// As text, one line per call; this is the default
    #[arg(long, group = "form")]
    text: bool,
    /// As JSON; what the command prints goes to stderr
    #[arg(long, group = "form")]
    json: bool,
    /// As a page, with the calls beside the book's own words
    #[arg(long, value_name = "FILE", group = "form")]
    html: Option<PathBuf>,
    /// As text that is the same each time: roles for pids, a section for each process
    #[arg(long, group = "form")]
    normalise: bool,
    /// The JSON's schema, and nothing else
    #[arg(long, group = "form")]
    schema: bool,
    /// Every system call, not only those that containers are made of
    #[arg(long)]
    all: bool,
    /// Write the text or the JSON to this file; else it goes to stdout, and what the command prints to stderr
    #[arg(long, short, value_name = "FILE", conflicts_with = "html")]
    output: Option<PathBuf>,
    /// Trace a step as you are, not as root: for a container in a user namespace
    #[arg(long)]
    no_sudo: bool,
    /// What to run: a step (`namespaces run true`), or any program
    #[arg(
        value_name = "CMD",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "schema"
    )]
    command: Vec<OsString>,
}

/// A command that cannot be started gives the exit codes that a shell would give.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let result = trace(arguments);
    let code = result
        .as_ref()
        .err()
        .and_then(|error| Some(error.downcast_ref::<kit::Error>()?.exit_code()));
    match (code, result) {
        (Some(code), Err(error)) => {
            crate::ui::error(&error);
            Ok(ExitCode::from(code))
        }
        (_, result) => result,
    }
}

fn trace(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.schema {
        say!(
            "{}",
            serde_json::to_string_pretty(&schemars::schema_for!(Trace))?
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (program, is_step) = resolve(&arguments.command[0])?;
    if is_step && !arguments.no_sudo && !nix::unistd::geteuid().is_root() {
        return as_root(&program);
    }
    let mut command = Command::new(&program);
    command
        .arg0(&arguments.command[0])
        .args(&arguments.command[1..]);
    if arguments.html.is_none() && arguments.output.is_none() {
        command.stdout(Stdio::from(std::io::stderr().as_fd().try_clone_to_owned()?));
    }
    let selection = if arguments.all {
        Selection::All
    } else {
        Selection::Container
    };
    let tracer = Tracer::new(command).select(selection);
    let relay = relay::Relay::start()?;
    let trace = if arguments.json || arguments.normalise || arguments.html.is_some() {
        collect(arguments, tracer, &relay)?
    } else {
        stream(arguments, tracer, &relay)?
    };
    for note in &trace.notes {
        let _ = writeln!(std::io::stderr(), "lab: {note}");
    }
    // A command that could be started has an end.
    let end = trace.end.context("the command has vanished")?;
    Ok(ExitCode::from(end.exit_code()))
}

/// A step's name stands for its program, which is built; everything else is what the shell would take it for. So are
/// the steps where there is no cargo, as in the VM, which has their programs in PATH.
pub(super) fn resolve(name: &OsString) -> Result<(PathBuf, bool)> {
    let plain = || search(name).unwrap_or_else(|| name.into());
    let (Ok(repo), Some(step)) = (Repo::find(), name.to_str()) else {
        return Ok((plain(), false));
    };
    if !is_step(&repo, step) {
        return Ok((plain(), false));
    }
    if repo.cargo().is_err() {
        return Ok((plain(), true));
    }
    let programs = repo.build_release(&[step])?;
    let program = programs
        .get(step)
        .with_context(|| format!("cargo has built no program for {step}"))?;
    Ok((program.clone(), true))
}

/// By the folders, for to ask cargo takes longer than many a trace.
fn is_step(repo: &Repo, name: &str) -> bool {
    let folders = std::fs::read_dir(repo.root.join("steps"))
        .into_iter()
        .flatten()
        .flatten();
    let mut names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    names.any(|folder| folder.split_once('-').is_some_and(|(_, step)| step == name))
}

/// As execvp(3), but here, so that the search is not a part of the trace.
fn search(name: &OsString) -> Option<PathBuf> {
    if Path::new(name).components().count() != 1 {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    let executable = |path: &PathBuf| {
        path.is_file() && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
    };
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(executable)
}

/// Ourselves once more, as root, with the program that the user has built: a tracer cannot follow root's processes.
pub(super) fn as_root(program: &Path) -> Result<ExitCode> {
    let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
    let mut command = Privilege::acquire()?.command(ourselves);
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let name = program.file_name().unwrap_or_default();
    // The command is the last argument but for its own: its first word is the step's name.
    let at = words
        .iter()
        .skip(1)
        .position(|word| word == name)
        .map_or(words.len(), |at| at + 1);
    command
        .args(&words[..at])
        .arg(program)
        .args(words.iter().skip(at + 1));
    Err(command.exec()).context("cannot run ourselves as root")
}

/// Each event as it happens, so that nothing has to fit into memory. A reader who has gone away (`| head`) ends the
/// report, not the command.
fn stream(arguments: &Arguments, tracer: Tracer, relay: &relay::Relay) -> Result<Trace> {
    let (mut out, style) = destination(arguments)?;
    let mut is_open = true;
    let mut show = |processes: &[Process], event: Event| {
        relay.aim(processes);
        if is_open {
            let line = event_text(processes, &event, style);
            is_open = writeln!(out, "{line}").is_ok();
        }
    };
    let trace = tracer.watch(&mut show)?;
    // As above.
    let _ = out.flush();
    Ok(trace)
}

fn collect(arguments: &Arguments, tracer: Tracer, relay: &relay::Relay) -> Result<Trace> {
    let mut events = Vec::new();
    let mut trace = tracer.watch(&mut |processes, event| {
        relay.aim(processes);
        events.push(event);
    })?;
    trace.events = events;
    if let Some(path) = &arguments.html {
        let repo = Repo::find().ok();
        let page = html::page(&trace, &book::Book::read(repo.as_ref()));
        kit::fs::write_atomically(path, page.as_bytes())?;
        crate::ui::step("Written", path.display());
        return Ok(trace);
    }
    let (mut out, _) = destination(arguments)?;
    let written = if arguments.json {
        serde_json::to_writer_pretty(&mut out, &trace)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        out.write_all(Normaliser::new().text(&trace).as_bytes())
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the trace")
        }
        _ => Ok(trace),
    }
}

/// A terminal gets colours and lines that fit; everything else one line per event.
fn destination(arguments: &Arguments) -> Result<(Box<dyn Write + Send>, Style)> {
    if let Some(path) = &arguments.output {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok((Box::new(BufWriter::new(file)), Style::default()));
    }
    let stdout = std::io::stdout();
    let is_terminal = stdout.is_terminal();
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = Style {
        colour: is_terminal && !refused,
        width: is_terminal
            .then(|| terminal_size::terminal_size_of(&stdout))
            .flatten()
            .map(|(width, _)| usize::from(width.0)),
    };
    if is_terminal {
        // Each line when it is there, for a command may wait for hours.
        return Ok((Box::new(stdout), style));
    }
    Ok((Box::new(BufWriter::new(stdout)), style))
}

//! `cargo lab why`: a system call has failed; which of the causes that its errno can have is it, on this system, now?

mod report;
pub(crate) mod rules;
pub(crate) mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use trace::{Call, Event, Outcome, Process, Selection, Trace, Tracer};

use self::report::Explanation;
use self::scene::Scene;
use super::map::process::Proc;
use super::trace::{as_root, relay, resolve};
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Explain this call instead of running a command
    #[arg(long, value_name = "NAME", requires = "errno", conflicts_with_all = ["command", "rules"])]
    call: Option<String>,
    /// What the call failed with (EPERM)
    #[arg(long, value_name = "NAME", requires = "call")]
    errno: Option<String>,
    /// An argument of the call, by the man page's name (repeatable): new_root=/srv/box, flags=CLONE_NEWUTS
    #[arg(long = "arg", value_name = "NAME=VALUE", requires = "call")]
    arguments: Vec<String>,
    /// The process that made the call, if it is still there [default: a process like this one]
    #[arg(long, requires = "call")]
    pid: Option<i32>,
    /// All that is known: every call, errno, cause and mend
    #[arg(long, conflicts_with = "command")]
    rules: bool,
    /// With --rules: as the book's table
    #[arg(long, requires = "rules", conflicts_with = "json")]
    markdown: bool,
    /// As JSON; what the command prints goes to stderr
    #[arg(long)]
    json: bool,
    /// Run a step as you are, not as root
    #[arg(long, requires = "command")]
    no_sudo: bool,
    /// What to run and explain: a step, or any program
    #[arg(
        value_name = "CMD",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present_any = ["call", "rules"]
    )]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.rules {
        report::rules(arguments.markdown, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let (Some(call), Some(errno)) = (&arguments.call, &arguments.errno) {
        let explanation = Explanation::of(&named(arguments, call, errno)?, String::new());
        report::show(&[explanation], arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    match explain(arguments) {
        Ok(code) => Ok(code),
        Err(error) => match error
            .downcast_ref::<kit::Error>()
            .map(kit::Error::exit_code)
        {
            Some(code) => {
                crate::ui::error(&error);
                Ok(ExitCode::from(code))
            }
            None => Err(error),
        },
    }
}

/// The scene that the command line describes.
fn named(arguments: &Arguments, call: &str, errno: &str) -> Result<Scene> {
    let mut values = BTreeMap::new();
    for text in &arguments.arguments {
        let Some((name, value)) = text.split_once('=') else {
            bail!("--arg takes NAME=VALUE, as in --arg new_root=/srv/box, and not {text:?}");
        };
        values.insert(name.to_owned(), value.to_owned());
    }
    if rules::about(call, errno).next().is_none() {
        let known: BTreeSet<_> = rules::all()
            .filter(|rule| rule.calls.contains(&call))
            .map(|rule| rule.errno)
            .collect();
        match known.is_empty() {
            true => bail!("no rule is about {call}; `cargo lab why --rules` lists them all"),
            false => bail!(
                "no rule is about {errno} of {call}, only about {}",
                known.into_iter().collect::<Vec<_>>().join(", ")
            ),
        }
    }
    let process = Proc(arguments.pid.unwrap_or(std::process::id() as i32));
    if process.status().is_empty() {
        bail!("there is no process {}", process.0);
    }
    let mut scene = Scene {
        process,
        call: call.to_owned(),
        invocation: format!("{call}({})", arguments.arguments.join(", ")),
        errno: errno.to_owned(),
        arguments: values,
        file_system: None,
    };
    scene.file_system = scene.arguments.get("fsname").cloned();
    Ok(scene)
}

/// Runs the command under the tracer, and looks at each failed call while the process still stands in it.
fn explain(arguments: &Arguments) -> Result<ExitCode> {
    let name = &arguments.command[0];
    let (program, is_step) = resolve(name)?;
    if is_step && !arguments.no_sudo && !nix::unistd::geteuid().is_root() {
        return as_root(&program);
    }
    let mut command = Command::new(&program);
    command.arg0(name).args(&arguments.command[1..]);
    command.stdout(Stdio::from(std::io::stderr().as_fd().try_clone_to_owned()?));
    let relay = relay::Relay::start()?;
    let mut watcher = Watcher::default();
    let tracer = Tracer::new(command).select(Selection::Failures);
    let trace = tracer.watch(&mut |processes, event| {
        relay.aim(processes);
        watcher.saw(processes, event);
    })?;
    report::show(&watcher.found, arguments.json)?;
    end(&trace, &watcher, arguments.json)
}

fn end(trace: &Trace, watcher: &Watcher, is_json: bool) -> Result<ExitCode> {
    let mut out = std::io::stderr().lock();
    for note in &trace.notes {
        let _ = writeln!(out, "lab: {note}");
    }
    let end = trace.end.context("the command has vanished")?;
    if !is_json {
        let left = watcher.others.len();
        let others = match left {
            0 => String::new(),
            _ => format!(
                "; {left} failures that no rule is about are not shown (`cargo lab trace --all` has them)"
            ),
        };
        say!("The command {end}{others}.");
    }
    Ok(ExitCode::from(end.exit_code()))
}

/// More would bury what matters: the last failure before the end.
const MOST: usize = 50;

#[derive(Default)]
struct Watcher {
    found: Vec<Explanation>,
    seen: BTreeSet<String>,
    others: BTreeSet<String>,
    /// What fsopen(2) was called with, by process and descriptor.
    file_systems: BTreeMap<(usize, String), String>,
}

impl Watcher {
    fn saw(&mut self, processes: &[Process], event: Event) {
        let Event::Call(call) = event else {
            return;
        };
        if call.name == "fsopen"
            && let Outcome::Returned { value, .. } = call.outcome
        {
            let name = call
                .argument("fsname")
                .unwrap_or_default()
                .trim_matches('"')
                .to_owned();
            self.file_systems
                .insert((call.process, value.to_string()), name);
        }
        let Some(errno) = call.errno().map(str::to_owned) else {
            return;
        };
        let text = format!("{} = {errno}", call.invocation());
        if rules::about(&call.name, &errno).next().is_none() {
            self.others.insert(text);
        } else if self.found.len() < MOST && self.seen.insert(text) {
            let role = processes
                .get(call.process)
                .map_or("?", |process| &process.role)
                .to_owned();
            let explanation = Explanation::of(&self.scene(call, errno), role);
            // What programs try and get wrong as a matter of course: a file that is not there.
            if explanation.is_established() || explanation.errno != "ENOENT" {
                self.found.push(explanation);
            }
        }
    }

    fn scene(&self, call: Call, errno: String) -> Scene {
        let descriptor = ["fd", "fsfd"]
            .into_iter()
            .find_map(|name| call.argument(name));
        let number = descriptor
            .and_then(|text| text.split('<').next())
            .unwrap_or_default()
            .to_owned();
        Scene {
            process: Proc(call.thread),
            invocation: call.invocation(),
            file_system: self.file_systems.get(&(call.process, number)).cloned(),
            errno,
            arguments: call
                .arguments
                .into_iter()
                .map(|argument| (argument.name, argument.text))
                .collect(),
            call: call.name,
        }
    }
}

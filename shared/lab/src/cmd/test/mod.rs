//! `cargo lab test`: every check and every test, here and in the VM, and one table at the end.

mod background;
mod promises;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use self::background::Background;
use self::promises::{is_ci, promises};
use crate::cmd::up;
use crate::platform::Platform;
use crate::privilege::{Privilege, quiet};
use crate::process;
use crate::repo::Repo;
use crate::report::{self, Counts, Outcome, Reader, Results};
use crate::suite;
use crate::ui::{self, say, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only formatting, clippy and the tests that run on this machine: no documentation, no licences, no VM
    #[arg(long)]
    fast: bool,
    /// Only tests whose names contain one of these, and no checks of the source
    filters: Vec<String>,
}

/// How a stage ended.
enum Verdict {
    Passed,
    Failed(String),
}

/// Whether the VM fits beside the tests here: a processor for each, and memory for both.
fn has_room() -> bool {
    const NEEDED: u64 = 6 << 20;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    processors > 1 && available(&memory) > NEEDED
}

/// `MemAvailable` of `/proc/meminfo`, in KiB (proc_meminfo(5)).
fn available(meminfo: &str) -> u64 {
    meminfo
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemAvailable:")?
                .trim()
                .strip_suffix(" kB")
        })
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// A line of the table at the end.
struct Row {
    name: &'static str,
    verdict: Verdict,
    time: Duration,
    counts: Option<Counts>,
}

/// All that a run needs and gathers.
struct Run<'a> {
    repo: Repo,
    privilege: Privilege,
    arguments: &'a Arguments,
    /// Ourselves, asked for before cargo may have replaced the file by a newer one.
    lab: PathBuf,
    rows: Vec<Row>,
    places: Vec<Results>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let platform = Platform::check()?;
    let mut run = Run {
        repo,
        privilege: Privilege::acquire()?,
        arguments,
        lab: std::env::current_exe().context("cannot tell which program we are")?,
        rows: Vec::new(),
        places: Vec::new(),
    };
    step(
        "machine",
        format_args!(
            "{}, Linux {}, {}",
            platform.name,
            platform.kernel,
            run.privilege.describe()
        ),
    );
    let sets: &[&str] = if arguments.fast {
        &["run", "test"]
    } else {
        &["run", "test", "peers", "vm", "box"]
    };
    up::provision(&run.repo, &platform, sets)?;
    // It waits for the network and for dpkg, and what is compiled meanwhile for the processor.
    let disk = if arguments.fast {
        None
    } else {
        Some(run.beside(&["vm", "build"])?)
    };
    if arguments.filters.is_empty() {
        run.checks()?;
    }
    run.tests(disk)?;
    Ok(run.conclude())
}

impl Run<'_> {
    /// What needs no container.
    fn checks(&mut self) -> Result<()> {
        self.components()?;
        self.cargo("formatting", &["fmt", "--all", "--check"], &[])?;
        let clippy = [
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ];
        self.cargo("clippy", &clippy, &[])?;
        if self.arguments.fast {
            return Ok(());
        }
        let doc = [
            "doc",
            "--quiet",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ];
        self.cargo(
            "documentation",
            &doc,
            &[("RUSTDOCFLAGS", "--deny warnings")],
        )?;
        self.deny()
    }

    /// The tests, in each place where they run: in the VM, on `disk`, and here.
    fn tests(&mut self, disk: Option<Background>) -> Result<()> {
        let mut programs = Vec::new();
        self.stage(
            "build",
            "the test programs, the steps and the examples",
            |run| {
                programs = suite::build(&run.repo)?;
                Ok((Verdict::Passed, None))
            },
        )?;
        // Mounts come and go while it is made, which the tests here would take for a container's.
        if let Some(disk) = disk {
            self.wait(
                "VM disk",
                "Debian, as it is in the box",
                disk,
                |_, _, well| match well {
                    true => (Verdict::Passed, None),
                    false => (Verdict::Failed("it could not be made".to_owned()), None),
                },
            )?;
        }
        if programs.is_empty() {
            return Ok(());
        }
        let early = match !self.arguments.fast && has_room() {
            true => Some(self.vm()?),
            false => None,
        };
        let promises = promises(!self.arguments.fast);
        let sentence = format!("{}, promised: {promises}", self.privilege.describe());
        self.stage("tests here", &sentence, |run| {
            let variables = [
                ("DRYDOCK_PROMISES", OsStr::new(&promises)),
                // A test run changes no file of the repository, least of all as root.
                ("INSTA_UPDATE", OsStr::new("no")),
                ("INSTA_WORKSPACE_ROOT", run.repo.root.as_os_str()),
            ];
            let mut reader = Reader::default();
            let filters = &run.arguments.filters;
            let well = suite::run(&programs, run.privilege, &variables, filters, &mut reader)?;
            Ok(run.read(reader, well))
        })?;
        self.stage("doc tests", "the examples in the documentation", |run| {
            let mut cargo = run.repo.cargo()?;
            cargo
                .args(["test", "--workspace", "--doc", "--"])
                .args(&run.arguments.filters);
            run.child(&mut cargo)
        })?;
        if self.arguments.fast {
            return Ok(());
        }
        let vm = match early {
            Some(vm) => vm,
            None => self.vm()?,
        };
        let sentence = "cgroup v2: the unified hierarchy";
        self.wait("tests in VM", sentence, vm, Self::read)
    }

    /// The tests in the VM. They have ten times the patience, and can run beside those here.
    fn vm(&self) -> Result<Background> {
        let mut words = vec!["vm", "test"];
        // What either version will do has run on v1 here, and runs on v2 there.
        if promises(true).split(',').any(|word| word == "cgroup1") {
            words.push("--beside-v1");
        }
        words.extend(self.arguments.filters.iter().map(String::as_str));
        self.beside(&words)
    }

    /// Ourselves once more, beside what comes next.
    fn beside(&self, words: &[&str]) -> Result<Background> {
        Background::start(&self.lab, words, &self.repo.root)
    }

    /// A stage that has been going on: shows what it has printed, and what it prints, until its end.
    fn wait(
        &mut self,
        name: &'static str,
        sentence: &str,
        background: Background,
        judge: impl FnOnce(&mut Self, Reader, bool) -> (Verdict, Option<Counts>),
    ) -> Result<()> {
        let mut time = Duration::ZERO;
        self.stage(name, sentence, |run| {
            let mut reader = Reader::default();
            let (status, spent) = background.finish(|line| {
                say!("{line}");
                reader.line(line);
            })?;
            time = spent;
            Ok(judge(run, reader, status.success()))
        })?;
        if let Some(row) = self.rows.last_mut() {
            row.time = row.time.max(time);
        }
        Ok(())
    }

    /// Licences, sources and duplicates always; known vulnerabilities where their database is at hand, since it is
    /// a repository of its own that not every network reaches.
    fn deny(&mut self) -> Result<()> {
        if !quiet(self.repo.cargo()?.args(["deny", "--version"])) {
            let install = [
                "install",
                "--quiet",
                "--locked",
                // Two minutes less to compile, for what takes a second to run.
                "--debug",
                "--no-default-features",
                "cargo-deny",
            ];
            step(
                "deny",
                "cargo-deny is not installed: installing it from crates.io takes some minutes",
            );
            self.cargo("install deny", &install, &[])?;
        }
        self.cargo(
            "licences",
            &[
                "deny",
                "--log-level",
                "error",
                "check",
                "licenses",
                "bans",
                "sources",
            ],
            &[],
        )?;
        let home = std::env::home_dir().unwrap_or_default();
        let cargo_home =
            std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        if cargo_home.join("advisory-dbs").is_dir() {
            return self.cargo(
                "advisories",
                &["deny", "--offline", "check", "advisories"],
                &[],
            );
        }
        step(
            "advisories",
            "not checked: their database is not here (`cargo deny fetch db` gets it)",
        );
        Ok(())
    }

    /// rustfmt and clippy, which a minimal toolchain lacks.
    fn components(&self) -> Result<()> {
        let has =
            |tool| Ok::<_, anyhow::Error>(quiet(self.repo.cargo()?.args([tool, "--version"])));
        if has("fmt")? && has("clippy")? {
            return Ok(());
        }
        step("toolchain", "adding rustfmt and clippy with rustup");
        process::run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"]))
            .context(
                "rustfmt and clippy are missing: install them the way you have installed cargo",
            )
    }

    /// A stage that is one cargo command.
    fn cargo(
        &mut self,
        name: &'static str,
        words: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<()> {
        self.stage(name, &format!("cargo {}", words.join(" ")), |run| {
            let mut cargo = run.repo.cargo()?;
            cargo.args(words).envs(variables.iter().copied());
            process::run(&mut cargo)?;
            Ok((Verdict::Passed, None))
        })
    }

    /// Shows what a child prints and reads the results in it.
    fn child(&mut self, command: &mut Command) -> Result<(Verdict, Option<Counts>)> {
        let mut reader = Reader::default();
        let status = process::lines(command, |line| {
            say!("{line}");
            reader.line(line);
        })?;
        Ok(self.read(reader, status.success()))
    }

    fn read(&mut self, mut reader: Reader, well: bool) -> (Verdict, Option<Counts>) {
        reader.end();
        let counts = report::count(&reader.results);
        self.places.push(reader.results);
        let verdict = match reader.contradictions.as_slice() {
            [] if well => Verdict::Passed,
            [] if counts.failed > 0 => Verdict::Failed(format!("{} tests failed", counts.failed)),
            [] => Verdict::Failed("a test program failed".to_owned()),
            contradictions => Verdict::Failed(contradictions.join("; ")),
        };
        (verdict, Some(counts))
    }

    /// Runs one stage and notes how it ended: the stages after it run all the same, so that one run shows all that
    /// is wrong.
    fn stage(
        &mut self,
        name: &'static str,
        sentence: &str,
        body: impl FnOnce(&mut Self) -> Result<(Verdict, Option<Counts>)>,
    ) -> Result<()> {
        step(name, sentence);
        let start = Instant::now();
        let (verdict, counts) = body(self).unwrap_or_else(|error| {
            ui::error(&error);
            (Verdict::Failed(format!("{error:#}")), None)
        });
        self.rows.push(Row {
            name,
            verdict,
            time: start.elapsed(),
            counts,
        });
        Ok(())
    }

    /// The table, what failed, what ran nowhere, and the exit code.
    fn conclude(&self) -> ExitCode {
        say!(
            "\n{}\n",
            ui::table(
                &["stage", "", "time", "passed", "failed", "ignored"],
                &[2, 3, 4, 5],
                self.rows()
            )
        );
        let combined = report::combine(&self.places);
        let failed = report::list(&combined, |outcome| *outcome == Outcome::Failed);
        let idle = report::list(&combined, |outcome| matches!(outcome, Outcome::Ignored(_)));
        for test in &failed {
            say!("failed: {test}");
        }
        for row in &self.rows {
            if let Verdict::Failed(why) = &row.verdict {
                say!("failed: {}: {why}", row.name);
            }
        }
        for test in &idle {
            say!("ran nowhere: {test}");
        }
        let counts = report::count(&combined);
        let strict = is_ci() && !self.arguments.fast;
        if strict && !idle.is_empty() {
            say!("In CI every test has to run, here or in the VM: to be ignored is to fail.");
        }
        say!(
            "tests: {} passed, {} failed, {} skipped",
            counts.passed,
            counts.failed,
            counts.ignored
        );
        let well = self
            .rows
            .iter()
            .all(|row| matches!(row.verdict, Verdict::Passed));
        if !well || (strict && !idle.is_empty()) {
            return ExitCode::FAILURE;
        }
        if counts.passed == 0 {
            say!("No test has that in its name.");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let number = |counts: Option<Counts>, which: fn(Counts) -> usize| {
            counts
                .map(|counts| which(counts).to_string())
                .unwrap_or_default()
        };
        self.rows
            .iter()
            .map(|row| {
                vec![
                    row.name.to_owned(),
                    match row.verdict {
                        Verdict::Passed => "ok".to_owned(),
                        Verdict::Failed(_) => "FAILED".to_owned(),
                    },
                    ui::duration(row.time),
                    number(row.counts, |counts| counts.passed),
                    number(row.counts, |counts| counts.failed),
                    number(row.counts, |counts| counts.ignored),
                ]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_that_is_left_is_read() {
        let text = "MemTotal:       24689764 kB\nMemAvailable:   20000000 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), 20_000_000);
        assert_eq!(available("MemTotal: 1 kB\n"), 0);
    }
}

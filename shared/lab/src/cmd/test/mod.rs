//! `cargo lab test`: every check and every test, here and in the VM, and one table at the end.

mod background;
mod checks;
mod circles;
mod promises;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use self::background::{Background, has_room};
use self::promises::{is_ci, promises};
use crate::cmd::up;
use crate::platform::Platform;
use crate::privilege::Privilege;
use crate::process;
use crate::repo::Repo;
use crate::report::{self, Counts, Outcome, Reader, Results};
use crate::suite::{self, TestProgram};
use crate::ui::{self, say, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only formatting, clippy and the tests that run on this machine: no documentation, no licences, no VM
    #[arg(long)]
    fast: bool,
    /// Every test in the VM too, and every case of the tests that try only some
    #[arg(long, conflicts_with = "fast")]
    everything: bool,
    /// Only tests whose names contain one of these, and no checks of the source
    filters: Vec<String>,
}

/// How a stage ended.
enum Verdict {
    Passed,
    Failed(String),
}

/// What there is to say of a stage that has ended.
struct Ended {
    verdict: Verdict,
    counts: Option<Counts>,
    /// How many tests were left to `--everything`, altogether or some of their cases.
    left: usize,
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            counts: None,
            left: 0,
        }
    }
}

/// A line of the table at the end. What runs beside something else has its own time.
struct Row {
    name: &'static str,
    time: Duration,
    ended: Ended,
}

/// All that a run needs and gathers.
struct Run<'a> {
    repo: Repo,
    privilege: Privilege,
    arguments: &'a Arguments,
    /// Ourselves, asked for before cargo may have replaced the file by a newer one.
    lab: PathBuf,
    start: Instant,
    /// Everything is asked for, in one way or another.
    everything: bool,
    /// Decides which cases are tried where not all are.
    seed: OsString,
    rows: Vec<Row>,
    places: Vec<Results>,
    /// The lines with which the test programs begin.
    headings: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let platform = Platform::check()?;
    let mut run = Run {
        repo,
        privilege: Privilege::acquire()?,
        arguments,
        lab: std::env::current_exe().context("cannot tell which program we are")?,
        start: Instant::now(),
        everything: arguments.everything || (!arguments.fast && harness::everything()),
        seed: seed(),
        rows: Vec::new(),
        places: Vec::new(),
        headings: Vec::new(),
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

/// The one that is given, or one that no run had before: time goes on.
fn seed() -> OsString {
    std::env::var_os("DRYDOCK_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        (now.unwrap_or_default().as_millis() % 1_000_000)
            .to_string()
            .into()
    })
}

impl Run<'_> {
    /// The tests, in each place where they run: in the VM, on `disk`, and here.
    fn tests(&mut self, disk: Option<Background>) -> Result<()> {
        let mut programs = Vec::new();
        self.stage(
            "build",
            "the test programs, the steps and the examples",
            |run| {
                programs = suite::build(&run.repo)?;
                run.headings = programs.iter().map(TestProgram::heading).collect();
                Ok(Verdict::Passed.into())
            },
        )?;
        // Mounts come and go while it is made, which the tests here would take for a container's.
        if let Some(disk) = disk {
            self.wait(
                "VM disk",
                "Debian, as it is in the box",
                disk,
                |_, _, well| match well {
                    true => Ended::from(Verdict::Passed),
                    false => Ended::from(Verdict::Failed("it could not be made".to_owned())),
                },
            )?;
        }
        if programs.is_empty() {
            return Ok(());
        }
        let promises = promises(!self.arguments.fast);
        let early = match !self.arguments.fast && has_room() {
            true => Some(self.vm(&promises)?),
            false => None,
        };
        let sentence = format!("{}, promised: {promises}", self.privilege.describe());
        self.stage("tests here", &sentence, |run| {
            let everything = if run.everything { "1" } else { "" };
            let seed = run.seed.clone();
            let variables = [
                ("DRYDOCK_PROMISES", OsStr::new(&promises)),
                ("DRYDOCK_EVERYTHING", OsStr::new(everything)),
                ("DRYDOCK_SEED", seed.as_os_str()),
                // The programs under test are those that have just been built.
                ("DRYDOCK_BUILT", OsStr::new("1")),
                // A test run changes no file of the repository, least of all as root.
                ("INSTA_UPDATE", OsStr::new("no")),
                ("INSTA_WORKSPACE_ROOT", run.repo.root.as_os_str()),
            ];
            let mut reader = run.reader();
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
            None => self.vm(&promises)?,
        };
        let sentence = "cgroup v2: the unified hierarchy";
        self.wait("tests in VM", sentence, vm, Self::read)
    }

    /// The tests in the VM. They have ten times the patience, and can run beside those here.
    fn vm(&self, promises: &str) -> Result<Background> {
        let mut words = vec!["vm", "test"];
        // What either version will do has run on v1 here, and runs on v2 there.
        if promises.split(',').any(|word| word == "cgroup1") {
            words.push("--beside-v1");
        }
        if self.everything {
            words.push("--everything");
        }
        words.extend(self.arguments.filters.iter().map(String::as_str));
        self.beside(&words)
    }

    /// Ourselves once more, beside what comes next.
    fn beside(&self, words: &[&str]) -> Result<Background> {
        let variables = [("DRYDOCK_SEED", self.seed.as_os_str())];
        Background::start(&self.lab, words, &variables, &self.repo.root)
    }

    /// A stage that has been going on: shows what it has printed, and what it prints, until its end.
    fn wait(
        &mut self,
        name: &'static str,
        sentence: &str,
        background: Background,
        judge: impl FnOnce(&mut Self, Reader, bool) -> Ended,
    ) -> Result<()> {
        let mut time = None;
        self.stage(name, sentence, |run| {
            let mut reader = run.reader();
            let (status, spent) = background.finish(|line| {
                say!("{line}");
                reader.line(line);
            })?;
            time = Some(spent);
            Ok(judge(run, reader, status.success()))
        })?;
        if let (Some(row), Some(time)) = (self.rows.last_mut(), time) {
            row.time = time;
        }
        Ok(())
    }

    fn reader(&self) -> Reader {
        Reader::new(self.headings.iter().cloned())
    }

    /// Shows what a child prints and reads the results in it.
    fn child(&mut self, command: &mut Command) -> Result<Ended> {
        // Doc tests have no headings that could be known.
        let mut reader = Reader::default();
        let status = process::lines(command, |line| {
            say!("{line}");
            reader.line(line);
        })?;
        Ok(self.read(reader, status.success()))
    }

    fn read(&mut self, mut reader: Reader, well: bool) -> Ended {
        reader.end();
        let counts = report::count(&reader.results);
        let whole = report::list(&reader.results, Outcome::is_left).len();
        self.places.push(reader.results);
        let verdict = match reader.contradictions.as_slice() {
            [] if well => Verdict::Passed,
            [] if counts.failed > 0 => Verdict::Failed(format!("{} tests failed", counts.failed)),
            [] => Verdict::Failed("a test program failed".to_owned()),
            contradictions => Verdict::Failed(contradictions.join("; ")),
        };
        Ended {
            verdict,
            counts: Some(counts),
            left: whole + reader.sampled + reader.left,
        }
    }

    /// Runs one stage and notes how it ended: the stages after it run all the same, so that one run shows all that
    /// is wrong.
    fn stage(
        &mut self,
        name: &'static str,
        sentence: &str,
        body: impl FnOnce(&mut Self) -> Result<Ended>,
    ) -> Result<()> {
        step(name, sentence);
        let start = Instant::now();
        let ended = body(self).unwrap_or_else(|error| {
            ui::error(&error);
            Verdict::Failed(format!("{error:#}")).into()
        });
        self.rows.push(Row {
            name,
            time: start.elapsed(),
            ended,
        });
        Ok(())
    }

    /// The table, what failed, what ran nowhere, and the exit code.
    fn conclude(&self) -> ExitCode {
        say!(
            "\n{}\n",
            ui::table(
                &["stage", "", "time", "passed", "failed", "ignored", "left"],
                &[2, 3, 4, 5, 6],
                self.rows()
            )
        );
        let combined = report::combine(&self.places);
        let failed = report::list(&combined, |outcome| *outcome == Outcome::Failed);
        let idle = report::list(&combined, Outcome::is_idle);
        for test in &failed {
            say!("failed: {test}");
        }
        for row in &self.rows {
            if let Verdict::Failed(why) = &row.ended.verdict {
                say!("failed: {}: {why}", row.name);
            }
        }
        for test in &idle {
            say!("ran nowhere: {test}");
        }
        if self.rows.iter().any(|row| row.ended.left > 0) {
            say!(
                "left to `cargo lab test --everything`, whole or in part: what stands in the last column \
                 (the parts were chosen by DRYDOCK_SEED={})",
                self.seed.display()
            );
        }
        say!("all of it took {}", ui::duration(self.start.elapsed()));
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
            .all(|row| matches!(row.ended.verdict, Verdict::Passed));
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
                    match row.ended.verdict {
                        Verdict::Passed => "ok".to_owned(),
                        Verdict::Failed(_) => "FAILED".to_owned(),
                    },
                    ui::duration(row.time),
                    number(row.ended.counts, |counts| counts.passed),
                    number(row.ended.counts, |counts| counts.failed),
                    number(row.ended.counts, |counts| counts.ignored),
                    match row.ended.counts {
                        Some(_) => row.ended.left.to_string(),
                        None => String::new(),
                    },
                ]
            })
            .collect()
    }
}

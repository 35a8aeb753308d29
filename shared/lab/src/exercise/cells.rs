//! Many cells, one after the other and side by side: who is asked what, and what came of it.
//!
//! The caller is an ordinary user; cells take root. So a list of [`Job`]s goes to `cargo lab dev cells`, which runs as
//! root, and each job's [`Report`] comes back as one line of JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use checks::Finding;
use checks::protocol::Question;
use serde::{Deserialize, Serialize};

use super::cell::{Inmate, World};
use super::guard::{self, Allowance, TIME};
use crate::privilege::Privilege;

/// What is to be done in a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Asking a check program, each check in a cell of its own; see [`checks::protocol`].
    Ask {
        /// The program; what is asked becomes its last argument.
        inmate: Inmate,
        /// The ids of the checks; if empty, the program is asked for them.
        checks: Vec<String>,
    },
    /// Running a compiler.
    Build {
        /// The compiler.
        inmate: Inmate,
    },
    /// Letting an attack loose on a stand-in host.
    Attack {
        /// The host's side of it.
        inmate: Inmate,
    },
}

impl Job {
    /// The checks of a static program.
    pub(crate) fn ask(program: PathBuf, checks: Vec<String>) -> Self {
        let inmate = Inmate {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            world: World::Busybox,
        };
        Self::Ask { inmate, checks }
    }
}

/// What came of a [`Job`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The job's place in the list.
    pub job: usize,
    /// The checks that the program says it has, if it was asked.
    pub questions: Vec<Question>,
    /// One for each check.
    pub checks: Vec<Checked>,
    /// What a compiler came to, or an attack.
    pub ran: Option<Ran>,
}

/// What came of one check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// Its id.
    pub check: String,
    /// Why it failed, if it did.
    pub finding: Option<Finding>,
    /// What the submission printed: the beginning of it.
    pub output: String,
    /// How much that was in all, in bytes.
    pub printed: u64,
}

/// What a compiler came to, or an attack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// Why it did not come to an end, if it did not.
    pub stopped: Option<String>,
    /// What it wrote to standard output.
    pub messages: String,
    /// What it wrote to standard error.
    pub errors: String,
}

/// A compiler's time. The largest submission takes a few seconds.
const BUILD: Allowance = Allowance {
    time: Duration::from_secs(45),
    stdout: 8 << 20,
    stderr: 64 << 10,
};
/// An attack's, which is one of many at a time. The longest waits for seconds for what does not come.
const ATTACK: Allowance = Allowance {
    time: Duration::from_secs(60),
    stdout: 64 << 10,
    stderr: 4 << 10,
};
/// A check's: more than any verdict has, and as much of a submission's output as anybody reads.
const CHECK: Allowance = Allowance {
    time: TIME,
    stdout: 64 << 10,
    stderr: 4 << 10,
};

/// Runs the jobs as root, and hands each report to `each` as it comes.
pub(crate) fn run(privilege: Privilege, jobs: &[Job], mut each: impl FnMut(Report)) -> Result<()> {
    let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
    let mut child = privilege
        .command(ourselves)
        .args(["dev", "cells"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run ourselves as root")?;
    let mut stdin = child
        .stdin
        .take()
        .context("there is no pipe to the cells")?;
    let request = serde_json::to_vec(jobs)?;
    stdin
        .write_all(&request)
        .context("cannot tell the cells what to do")?;
    drop(stdin);
    let stdout = child
        .stdout
        .take()
        .context("there is no pipe from the cells")?;
    let mut reports = 0;
    for line in BufReader::new(stdout).lines() {
        each(serde_json::from_str(&line?).context("the cells said what is no report")?);
        reports += 1;
    }
    let status = child.wait()?;
    ensure!(
        status.success() && reports == jobs.len(),
        "the checks could not be run (see above)"
    );
    Ok(())
}

/// The root's side: reads the jobs, runs them, writes the reports.
pub(crate) fn serve(input: impl Read, output: impl Write + Send) -> Result<()> {
    let jobs: Vec<Job> = serde_json::from_reader(input).context("cannot read the jobs")?;
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let units = units(&jobs);
    let next = AtomicUsize::new(0);
    let desk = Mutex::new(Desk::new(&jobs, output));
    let failure = Mutex::new(None);
    let work = || {
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = unit.run(&jobs, scratch.path()).and_then(|part| {
                let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                desk.take(unit.job, part)
            });
            if let Err(error) = done {
                next.store(units.len(), Ordering::Relaxed);
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        }
    };
    // Twice as many as there are processors: most of a check's time is waiting.
    let workers = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let failure = failure.into_inner();
    failure
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}

/// What one worker does at a time: a check, a build, or all checks of a program that is yet to name them.
struct Unit {
    job: usize,
    check: Option<usize>,
}

/// A part of a job's report.
enum Part {
    Whole(Report),
    Check(usize, Checked),
}

fn units(jobs: &[Job]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (job, what) in jobs.iter().enumerate() {
        match what {
            Job::Ask { checks, .. } if !checks.is_empty() => {
                units.extend((0..checks.len()).map(|check| Unit {
                    job,
                    check: Some(check),
                }));
            }
            _ => units.push(Unit { job, check: None }),
        }
    }
    units
}

impl Unit {
    fn run(&self, jobs: &[Job], scratch: &Path) -> Result<Part> {
        let result = scratch.join(format!("{}-{}", self.job, self.check.unwrap_or_default()));
        match (&jobs[self.job], self.check) {
            (Job::Ask { inmate, checks }, Some(check)) => Ok(Part::Check(
                check,
                ask(inmate, checks[check].clone(), &result)?,
            )),
            (Job::Ask { inmate, .. }, None) => {
                let questions = questions(inmate, &result)?;
                let ids = questions.iter().map(|question| question.id.clone());
                let checks = ids
                    .map(|id| ask(inmate, id, &result))
                    .collect::<Result<_>>()?;
                Ok(Part::Whole(Report {
                    questions,
                    checks,
                    ..Report::default()
                }))
            }
            (Job::Build { inmate }, _) => whole("the compiler", inmate, BUILD, &result),
            (Job::Attack { inmate }, _) => whole("the attack", inmate, ATTACK, &result),
        }
    }
}

/// Where parts become reports.
struct Desk<W> {
    output: W,
    parts: Vec<Vec<Option<Checked>>>,
}

impl<W: Write> Desk<W> {
    fn new(jobs: &[Job], output: W) -> Self {
        let room = |job: &Job| match job {
            Job::Ask { checks, .. } => checks.iter().map(|_| None).collect(),
            Job::Build { .. } | Job::Attack { .. } => Vec::new(),
        };
        Self {
            output,
            parts: jobs.iter().map(room).collect(),
        }
    }

    /// Writes the report if this was its last part.
    fn take(&mut self, job: usize, part: Part) -> Result<()> {
        let report = match part {
            Part::Whole(report) => Report { job, ..report },
            Part::Check(index, checked) => {
                let parts = &mut self.parts[job];
                parts[index] = Some(checked);
                if parts.iter().any(Option::is_none) {
                    return Ok(());
                }
                let checks = std::mem::take(parts).into_iter().flatten().collect();
                Report {
                    job,
                    checks,
                    ..Report::default()
                }
            }
        };
        let line = serde_json::to_string(&report)? + "\n";
        self.output.write_all(line.as_bytes())?;
        Ok(self.output.flush()?)
    }
}

fn whole(who: &str, inmate: &Inmate, allowance: Allowance, result: &Path) -> Result<Part> {
    let ran = guard::run(inmate, allowance, result)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran = Ran {
        stopped: match ran.end {
            None => Some(format!(
                "{who} was still at work after {} s, and was killed",
                allowance.time.as_secs()
            )),
            Some(end) => end.notes.first().cloned(),
        },
        messages: text(&ran.stdout),
        errors: text(&ran.stderr),
    };
    Ok(Part::Whole(Report {
        ran: Some(ran),
        ..Report::default()
    }))
}

fn questions(inmate: &Inmate, result: &Path) -> Result<Vec<Question>> {
    let ran = guard::run(&with(inmate, "--list"), CHECK, result)?;
    let lines = ran
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .with_context(|| {
            format!(
                "{} --list did not list its checks",
                inmate.program.display()
            )
        })
}

fn ask(inmate: &Inmate, id: String, result: &Path) -> Result<Checked> {
    let ran = guard::run(&with(inmate, &id), CHECK, result)?;
    Ok(Checked {
        finding: ran.finding(&id),
        check: id,
        output: String::from_utf8_lossy(&ran.stderr).into_owned(),
        printed: ran.printed,
    })
}

fn with(inmate: &Inmate, argument: &str) -> Inmate {
    let mut inmate = inmate.clone();
    inmate.arguments.push(argument.to_owned());
    inmate
}

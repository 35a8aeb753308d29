//! `cargo lab attack`: every probe against every container, on a stand-in host that is thrown away.

mod html;
pub(crate) mod matrix;
mod show;
pub(crate) mod stage;
pub(crate) mod subject;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use attacks::{Answer, Outcome, Probe};
use serde::Serialize;

use crate::cmd::root;
use crate::exercise::cell::{Inmate, World};
use crate::exercise::cells::{self, Job, Ran};
use crate::privilege::Privilege;
use crate::repo::{Repo, artifacts};
use crate::ui::{say, step};
use matrix::{Hierarchy, Matrix};
use subject::{SUBJECTS, Subject};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Attack only this: a step, its naive example (STEP-naive), or `nothing` (repeatable)
    #[arg(long, value_name = "NAME")]
    subject: Vec<String>,
    /// Run only this probe (repeatable)
    #[arg(long, value_name = "NAME")]
    probe: Vec<String>,
    /// Write the matrix as a page, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the matrix as JSON
    #[arg(long)]
    json: bool,
    /// Fail if a cell is worse than recorded, or better and not recorded
    #[arg(long)]
    check: bool,
    /// Record the cells as they are
    #[arg(long, conflicts_with = "check")]
    bless: bool,
    /// Where the programs and their `examples` are, built already; else they are built
    #[arg(long, value_name = "DIR", hide = true)]
    bin_dir: Option<PathBuf>,
}

/// One attack on one container, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    pub subject: String,
    pub probe: String,
    #[serde(flatten)]
    pub answer: Answer,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let subjects = choose_subjects(&arguments.subject)?;
    let probes = choose_probes(&arguments.probe)?;
    let programs = programs(&repo, arguments, &subjects)?;
    let cells = attack(&programs, &subjects, &probes, !arguments.json)?;
    if let Some(path) = &arguments.html {
        kit::fs::write_atomically(path, html::page(&subjects, &probes, &cells).as_bytes())?;
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&cells)?);
    } else {
        show::matrix(&subjects, &probes, &cells);
    }
    if arguments.bless {
        return bless(&repo, &cells);
    }
    match arguments.check {
        true => check(&repo, &cells),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn choose_subjects(names: &[String]) -> Result<Vec<Subject>> {
    if names.is_empty() {
        return Ok(SUBJECTS.to_vec());
    }
    names.iter().map(|name| subject::find(name)).collect()
}

fn choose_probes(names: &[String]) -> Result<Vec<&'static Probe>> {
    if names.is_empty() {
        return Ok(attacks::all().collect());
    }
    let find = |name: &String| {
        attacks::find(name).with_context(|| {
            let known: Vec<_> = attacks::all().map(|probe| probe.slug).collect();
            format!(
                "there is no probe called {name}; there are {}",
                known.join(", ")
            )
        })
    };
    names.iter().map(find).collect()
}

/// The program `attack`, and those of the subjects, by name.
fn programs(
    repo: &Repo,
    arguments: &Arguments,
    subjects: &[Subject],
) -> Result<BTreeMap<String, PathBuf>> {
    let built = match &arguments.bin_dir {
        Some(directory) => present(directory)?,
        None => build(repo, subjects)?,
    };
    let wanted = subjects
        .iter()
        .flat_map(Subject::programs)
        .chain(["attack"]);
    wanted
        .map(|name| {
            let path = built
                .get(name)
                .with_context(|| format!("there is no program {name}"))?;
            Ok((name.to_owned(), path.clone()))
        })
        .collect()
}

fn build(repo: &Repo, subjects: &[Subject]) -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = repo.cargo()?;
    cargo.args(["build", "--release", "--bins", "--examples", "--quiet"]);
    // With the naive examples of these two, those fetch images that have no way of their own.
    let always = ["attacks", "layers", "images"];
    for package in subjects.iter().filter_map(|s| s.package).chain(always) {
        cargo.args(["--package", package]);
    }
    let built = artifacts(&mut cargo)?;
    let named =
        |artifact: crate::repo::Artifact| Some((artifact.target?.name, artifact.executable?));
    Ok(built.into_iter().filter_map(named).collect())
}

fn present(directory: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let directory = directory
        .canonicalize()
        .with_context(|| format!("cannot find {}", directory.display()))?;
    let mut present = BTreeMap::new();
    for folder in [directory.join("examples"), directory] {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            present.insert(
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            );
        }
    }
    Ok(present)
}

/// Runs every probe against every subject, each on a host of its own.
fn attack(
    programs: &BTreeMap<String, PathBuf>,
    subjects: &[Subject],
    probes: &[&Probe],
    is_told: bool,
) -> Result<Vec<Cell>> {
    let privilege = Privilege::acquire()?;
    root::ensure(privilege)?;
    let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
    let pairs: Vec<_> = probes
        .iter()
        .flat_map(|probe| {
            subjects
                .iter()
                .map(move |subject| (subject.name, probe.slug))
        })
        .collect();
    let job = |(subject, probe): &(&str, &str)| Job::Attack {
        inmate: Inmate {
            program: ourselves.clone(),
            arguments: ["dev", "stage", subject, probe].map(str::to_owned).to_vec(),
            environment: Vec::new(),
            world: World::StandIn {
                programs: programs.values().cloned().collect(),
            },
        },
    };
    let jobs: Vec<_> = pairs.iter().map(job).collect();
    if is_told {
        let (probes, subjects) = (probes.len(), subjects.len());
        step(
            "attack",
            format_args!("{probes} probes, {subjects} containers"),
        );
    }
    let mut answers = vec![None; pairs.len()];
    cells::run(privilege, &jobs, |report| answers[report.job] = report.ran)?;
    let cell = |((subject, probe), ran): (&(&str, &str), Option<Ran>)| {
        let ran = ran.context("an attack has not been reported")?;
        let answer = answer(&ran).with_context(|| format!("{probe} in {subject}"))?;
        Ok(Cell {
            subject: (*subject).to_owned(),
            probe: (*probe).to_owned(),
            answer,
        })
    };
    pairs.iter().zip(answers).map(cell).collect()
}

/// The last line that the stage has printed; a stage that was killed could not judge.
fn answer(ran: &Ran) -> Result<Answer> {
    match (ran.messages.lines().last().map(str::parse), &ran.stopped) {
        (Some(Ok(answer)), _) => Ok(answer),
        (_, Some(why)) => Ok(Answer::new(Outcome::NotRun, why)),
        _ => bail!("the stand-in host failed: {}", ran.errors.trim()),
    }
}

fn check(repo: &Repo, cells: &[Cell]) -> Result<ExitCode> {
    let differences = Matrix::read(repo)?.differences(cells, Hierarchy::here()?);
    for difference in &differences {
        say!("{difference}");
    }
    if differences.is_empty() {
        step("attack", "every cell is as it is recorded");
        return Ok(ExitCode::SUCCESS);
    }
    say!("`cargo lab attack --bless` records what is; look first whether it should be so.");
    Ok(ExitCode::FAILURE)
}

fn bless(repo: &Repo, cells: &[Cell]) -> Result<ExitCode> {
    let bare = |cell: &&Cell| cell.subject == "nothing" && cell.answer.outcome == Outcome::Stopped;
    let blunt: Vec<_> = cells
        .iter()
        .filter(bare)
        .map(|cell| cell.probe.as_str())
        .collect();
    ensure!(
        blunt.is_empty(),
        "nothing is recorded: {} did not escape where nothing stops it, and so proves nothing",
        blunt.join(", ")
    );
    let mut matrix = Matrix::read(repo)?;
    matrix.take(cells, Hierarchy::here()?);
    matrix.write(repo)?;
    step(
        "wrote",
        "book/data/matrix.toml; `cargo lab book bless` brings the book up to date",
    );
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_probe_is_answered_by_those_there_are() {
        let error = choose_probes(&["fork".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("called fork;") && error.contains("fork-bomb"),
            "{error}"
        );
        assert_eq!(choose_probes(&[]).unwrap().len(), attacks::all().count());
    }

    #[test]
    fn a_stage_that_says_nothing_is_not_taken_for_a_wall() {
        let ran = |messages: &str, stopped: Option<&str>| Ran {
            stopped: stopped.map(str::to_owned),
            messages: messages.to_owned(),
            errors: "why".to_owned(),
        };
        let outcome = |ran: &Ran| answer(ran).map(|answer| answer.outcome).ok();
        assert_eq!(
            outcome(&ran("stopped: EPERM\n", None)),
            Some(Outcome::Stopped)
        );
        assert_eq!(outcome(&ran("", Some("killed"))), Some(Outcome::NotRun));
        assert_eq!(outcome(&ran("", None)), None);
    }
}

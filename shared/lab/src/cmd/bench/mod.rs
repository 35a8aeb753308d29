//! `cargo lab bench`: what a container start costs, as ratios to what one would run instead, all in one run.

mod bundle;
mod images;
mod layers;
mod memory;
mod soak;
mod speed;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::cmd::{root, up};
use crate::platform::Platform;
use crate::privilege::Privilege;
use crate::repo::Repo;
use crate::ui::{self, say, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this one: namespaces, rootfs, cgroups, layers, images, memory or soak
    name: Option<String>,
    /// Fail if a goal is missed
    #[arg(long)]
    check: bool,
    /// Print the figures as JSON on stdout
    #[arg(long)]
    json: bool,
    /// How many rounds; in each, every command of a comparison is run ten times. Of pulls, three rounds of one at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

/// What a measurement needs.
struct Bench {
    privilege: Privilege,
    rounds: u32,
    programs: std::collections::BTreeMap<String, PathBuf>,
    rootfs: PathBuf,
    /// Where cargo puts what it builds, and we the image that is pulled.
    target: PathBuf,
    /// For result files and bundles; removed at the end.
    scratch: tempfile::TempDir,
}

/// One figure and its goal.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    /// What was measured, in `unit`.
    ours: f64,
    /// The same of what it is compared with.
    peer: Option<f64>,
    unit: &'static str,
    /// `ours / peer`, or `ours` where there is no peer.
    value: f64,
    /// The most that `value` may be; without it the figure is for information.
    goal: Option<f64>,
}

impl Figure {
    fn is_met(&self) -> bool {
        self.goal.is_none_or(|goal| self.value <= goal)
    }

    fn row(&self) -> Vec<String> {
        let amount = |amount: f64| format!("{amount:.2} {}", self.unit);
        vec![
            self.name.clone(),
            amount(self.ours),
            self.peer.map(amount).unwrap_or_default(),
            format!("{:.2}", self.value),
            self.goal
                .map(|goal| format!("{goal:.2}"))
                .unwrap_or_default(),
            match self.goal {
                None => "",
                Some(_) if self.is_met() => "ok",
                Some(_) => "over",
            }
            .to_owned(),
        ]
    }
}

type Measure = fn(&Bench) -> Result<Vec<Figure>>;

/// All there is to measure, in the order in which it is done.
const MEASURES: [(&str, Measure); 7] = [
    ("namespaces", speed::namespaces),
    ("rootfs", speed::rootfs),
    ("cgroups", speed::cgroups),
    ("layers", layers::run),
    ("images", images::run),
    ("memory", memory::waiting_parent),
    ("soak", soak::run),
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chosen = choose(arguments.name.as_deref())?;
    let bench = prepare(arguments)?;
    let mut figures = Vec::new();
    for (name, measure) in chosen {
        note(arguments, name, "measuring");
        figures.extend(measure(&bench).with_context(|| format!("cannot measure {name}"))?);
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        let header = ["", "ours", "peer", "ratio", "goal", ""];
        let rows = figures.iter().map(Figure::row).collect();
        say!("\n{}", ui::table(&header, &[1, 2, 3, 4], rows));
    }
    let met = figures.iter().all(Figure::is_met);
    Ok(if met || !arguments.check {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn choose(name: Option<&str>) -> Result<Vec<(&'static str, Measure)>> {
    let chosen: Vec<_> = MEASURES
        .into_iter()
        .filter(|(known, _)| name.is_none_or(|name| name == *known))
        .collect();
    if chosen.is_empty() {
        let known = MEASURES.map(|(known, _)| known).join(", ");
        bail!(
            "there is no measurement called {}; there are {known}",
            name.unwrap_or_default()
        );
    }
    Ok(chosen)
}

fn prepare(arguments: &Arguments) -> Result<Bench> {
    let repo = Repo::find()?;
    let platform = Platform::check()?;
    let privilege = Privilege::acquire()?;
    if arguments.json {
        // Stdout is for the figures alone.
        let missing = up::missing(&repo, "bench")?;
        if !missing.is_empty() {
            bail!(
                "{} missing: run `cargo lab bench` without --json once",
                missing.join(", ")
            );
        }
    } else {
        up::provision(&repo, &platform, &["run", "bench"])?;
    }
    let steps = repo.steps()?;
    let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
    note(arguments, "build", &names.join(", "));
    Ok(Bench {
        privilege,
        rounds: arguments.rounds,
        programs: repo.build_release(&names)?,
        rootfs: root::ensure(privilege)?,
        target: repo.target_directory()?,
        scratch: tempfile::tempdir().context("cannot make a temporary directory")?,
    })
}

fn note(arguments: &Arguments, word: &str, sentence: &str) {
    if !arguments.json {
        step(word, sentence);
    }
}

impl Bench {
    /// The program of a step.
    fn program(&self, step: &str) -> Result<String> {
        let program = self
            .programs
            .get(step)
            .with_context(|| format!("cargo has built no program for {step}"))?;
        text(program)
    }
}

fn text(path: &std::path::Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| {
        format!(
            "{} is not UTF-8, and hyperfine takes nothing else",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_or_it_is_over() {
        let figure = |value, goal| Figure {
            name: "x".to_owned(),
            ours: value,
            peer: Some(1.0),
            unit: "ms",
            value,
            goal,
        };
        assert_eq!(figure(1.5, Some(1.5)).row()[5], "ok");
        assert_eq!(figure(1.51, Some(1.5)).row()[5], "over");
        assert_eq!(figure(9.0, None).row()[5], "");
    }

    #[test]
    fn an_unknown_measurement_is_answered_by_those_there_are() {
        let error = choose(Some("sleep")).unwrap_err().to_string();
        assert!(error.contains("sleep") && error.contains("soak"), "{error}");
        assert_eq!(choose(None).unwrap().len(), MEASURES.len());
    }
}

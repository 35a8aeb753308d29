//! `cargo lab check --bin PATH`: what a step's program must do, asked of any program that has its command line.
//!
//! The program may be written in any language, so it runs behind glass, with the host's interpreters and libraries. The
//! checks themselves run as a part of the lab: `cargo lab dev behave STEP CHECK`.

mod cgroups;
mod images;
mod layers;
mod namespaces;
mod rootfs;
mod subject;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use checks::Check;
use checks::protocol::Question;

use super::cell::{Inmate, World};
use super::cells::{self, Checked, Job};
use super::judge::Answer;
use crate::privilege::Privilege;

/// The steps whose behaviour is known, and their checks. A later step's program can do what those before it can.
pub(crate) fn checks(step: &str) -> Result<Vec<Check>> {
    let lists = [
        ("namespaces", namespaces::CHECKS),
        ("rootfs", rootfs::CHECKS),
        ("cgroups", cgroups::CHECKS),
        ("layers", layers::CHECKS),
        ("images", images::CHECKS),
    ];
    let last = lists.iter().position(|(name, _)| *name == step);
    let Some(last) = last else {
        let names: Vec<_> = lists.iter().map(|(name, _)| *name).collect();
        bail!(
            "the behaviour of {step} is not known; give --step with one of {}",
            names.join(", ")
        );
    };
    // Step 05 takes an image where those before it take the command, as long as no other root is named.
    let first = usize::from(step == "images");
    Ok(lists[first..=last]
        .iter()
        .flat_map(|(_, checks)| checks.iter().copied())
        .collect())
}

/// In the cell: runs one check, as [`checks::answer`] does.
pub(crate) fn answer(step: &str, check: &str) -> Result<ExitCode> {
    // The program in question is to limit its containers, so the cell's cgroups must not be read-only to it. Where
    // there are none, the checks that need them say so.
    let _ = checks::cgroup::make_writable();
    Ok(checks::answer(&self::checks(step)?, Some(check)))
}

/// Asks `program` what the program of `step` must do.
pub(crate) fn ask(privilege: Privilege, step: &str, program: &Path) -> Result<Vec<Answer>> {
    let wanted = checks(step)?;
    let program = program
        .canonicalize()
        .with_context(|| format!("there is no program {}", program.display()))?;
    ensure!(program.is_file(), "{} is not a program", program.display());
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .context("a path is not UTF-8")
    };
    let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
    let inmate = Inmate {
        program: ourselves,
        arguments: vec!["dev".into(), "behave".into(), step.into()],
        environment: vec![
            (subject::PROGRAM.into(), text(&program)?),
            (subject::ROOT.into(), text(&busybox::default_root())?),
            ("PATH".into(), std::env::var("PATH").unwrap_or_default()),
        ],
        world: World::Glass {
            directory: "/".into(),
            writable: Vec::new(),
            hidden: Vec::new(),
            user: None,
        },
    };
    let ids = wanted.iter().map(|check| check.id.to_owned()).collect();
    let mut checked: Vec<Checked> = Vec::new();
    cells::run(
        privilege,
        &[Job::Ask {
            inmate,
            checks: ids,
        }],
        |report| checked = report.checks,
    )?;
    let answer = |(check, checked): (&Check, Checked)| Answer {
        question: Question {
            id: check.id.to_owned(),
            asks: check.asks.to_owned(),
        },
        finding: checked.finding,
        output: checked.output,
        printed: checked.printed,
    };
    Ok(wanted.iter().zip(checked).map(answer).collect())
}

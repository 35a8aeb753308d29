//! `check` and `bless`: the pages against the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use super::chapter::{Page, pages};
use super::needs::Requirement;
use super::sandbox::{self, Setup};
use super::scene::{Scene, Verdict, judge, scenes};
use super::{folder, generated};
use crate::privilege::Privilege;
use crate::process;
use crate::repo::Repo;
use crate::ui::{say, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the steps' programs and their `examples` are, built already; else they are built
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// How long one command may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Only chapters whose file names contain one of these
    chapters: Vec<String>,
}

pub(crate) fn check(arguments: &Arguments) -> Result<ExitCode> {
    with_chapters(arguments, "check", |page, scenes, verdicts| {
        report(page, scenes, verdicts);
        Ok(!verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Differs(..))))
    })
}

pub(crate) fn bless(arguments: &Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    for name in generated::write(&repo)? {
        step("wrote", name);
    }
    with_chapters(arguments, "bless", |page, scenes, verdicts| {
        let mut text = page.text.clone();
        let mut well = true;
        // From the last to the first, so that the places of those before stay true.
        for (scene, verdict) in scenes.iter().zip(verdicts).rev() {
            match verdict {
                Verdict::Differs(_, Some(new)) => {
                    text.replace_range(scene.fence.content.clone(), new)
                }
                Verdict::Differs(why, None) => {
                    well = false;
                    say!("{}", why.trim_end());
                }
                Verdict::Same | Verdict::Skipped(_) => {}
            }
        }
        if text != page.text {
            // In place, so that the file stays its owner's when root writes it.
            fs::write(&page.path, &text)
                .with_context(|| format!("cannot write {}", page.path.display()))?;
            step("wrote", &page.name);
        }
        Ok(well)
    })
}

/// Runs each chapter and hands over what came of it. As root: what is not root's is done by starting ourselves anew.
fn with_chapters(
    arguments: &Arguments,
    action: &str,
    mut each: impl FnMut(&Page, &[Scene], &[Verdict]) -> Result<bool>,
) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let programs = programs(&repo, arguments)?;
    let privilege = Privilege::acquire()?;
    if privilege != Privilege::Root {
        let mut again = privilege.command(std::env::current_exe()?);
        again.args(["book", action, "--bin-dir"]).arg(&programs);
        again
            .arg("--patience")
            .arg(arguments.patience.to_string())
            .args(&arguments.chapters);
        let status = process::status(&mut again)?;
        return Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let wanted = |page: &Page| {
        arguments.chapters.is_empty()
            || arguments
                .chapters
                .iter()
                .any(|part| page.name.contains(part.as_str()))
    };
    let mut well = true;
    for page in pages(&folder(&repo))?.iter().filter(|page| wanted(page)) {
        let scenes = scenes(page)?;
        if !scenes.is_empty() {
            let verdicts = play(&programs, arguments, page, &scenes)?;
            well &= each(page, &scenes, &verdicts)?;
        }
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The folder with the steps' programs, which are built unless they are given.
fn programs(repo: &Repo, arguments: &Arguments) -> Result<PathBuf> {
    if let Some(directory) = &arguments.bin_dir {
        return directory
            .canonicalize()
            .with_context(|| format!("cannot find {}", directory.display()));
    }
    let mut cargo = repo.cargo()?;
    process::run(cargo.args([
        "build",
        "--workspace",
        "--examples",
        "--bins",
        "--release",
        "--quiet",
    ]))?;
    let built = repo.build_release(&["namespaces"])?;
    let program = built
        .get("namespaces")
        .context("cargo has built no program")?;
    Ok(program.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Runs all that can be run here, in one sandbox.
fn play(
    programs: &Path,
    arguments: &Arguments,
    page: &Page,
    scenes: &[Scene],
) -> Result<Vec<Verdict>> {
    let run: Vec<_> = scenes
        .iter()
        .filter(|scene| scene.missing.is_none())
        .collect();
    let exchanges: Vec<_> = run
        .iter()
        .flat_map(|scene| scene.exchanges.clone())
        .collect();
    let setup = Setup {
        programs,
        network: run
            .iter()
            .any(|scene| scene.tags.requirements.contains(&Requirement::Network)),
        patience: Duration::from_secs(arguments.patience),
    };
    let mut dones = sandbox::run(&setup, &exchanges)
        .with_context(|| format!("while running {}", page.name))?
        .into_iter();
    Ok(scenes
        .iter()
        .map(|scene| match &scene.missing {
            Some(why) if scene.promised => {
                Verdict::Differs(format!("{why}, and it was promised\n"), None)
            }
            Some(why) => Verdict::Skipped(why.clone()),
            None => {
                let dones: Vec<_> = dones.by_ref().take(scene.exchanges.len()).collect();
                judge(page, scene, &dones)
            }
        })
        .collect())
}

/// In libtest's own words, which `lab test` reads.
fn report(page: &Page, scenes: &[Scene], verdicts: &[Verdict]) {
    say!("     Running book {}", page.name);
    say!("\nrunning {} tests", scenes.len());
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for (scene, verdict) in scenes.iter().zip(verdicts) {
        let name = format!("{}:{}", page.name, scene.fence.line);
        match verdict {
            Verdict::Same => {
                passed += 1;
                say!("test {name} ... ok");
            }
            Verdict::Differs(..) => {
                failed += 1;
                say!("test {name} ... FAILED");
            }
            Verdict::Skipped(why) => {
                ignored += 1;
                say!("test {name} ... ignored, {why}");
            }
        }
    }
    for verdict in verdicts {
        if let Verdict::Differs(why, _) = verdict {
            say!("\n{}", why.trim_end());
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    say!(
        "\ntest result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out\n"
    );
}

//! The students' copy: the repository without solutions, and proof that none is left in it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::catalogue::{Exercise, MUTANTS, STARTER, entries};
use crate::repo::Repo;

/// Makes the copy in `target`, which must be empty or not there, and returns how many files it has. It has no history:
/// that would hold the solutions.
pub(crate) fn students(repo: &Repo, exercises: &[Exercise], target: &Path) -> Result<usize> {
    ensure!(
        exercises.iter().all(|exercise| exercise.answers.is_some()),
        "this is a student's copy already"
    );
    ensure!(
        entries(target)?.is_empty(),
        "{} is not empty: give a new directory, so that nothing of yours is mixed with it",
        target.display()
    );
    let mut count = 0;
    for file in files(repo)? {
        if !is_answer(&file) {
            copy(&repo.root.join(&file), &target.join(&file))?;
            count += 1;
        }
    }
    for exercise in exercises {
        let place = target.join("exercises").join(&exercise.slug).join(STARTER);
        fs::write(&place, &exercise.starter)
            .with_context(|| format!("cannot write {}", place.display()))?;
        count += 1;
    }
    let leaks = leaks(exercises, target)?;
    if !leaks.is_empty() {
        // All of it is ours: the directory was empty.
        fs::remove_dir_all(target)
            .with_context(|| format!("cannot remove {}", target.display()))?;
        bail!(
            "the copy is not fit for students, since it holds solutions:\n  {}",
            leaks.join("\n  ")
        );
    }
    Ok(count)
}

/// All files that belong to the repository, whether git knows them yet or not, relative to it.
fn files(repo: &Repo) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ])
        .current_dir(&repo.root)
        .output()
        .context("cannot run git, which knows the files of the repository")?;
    ensure!(
        output.status.success(),
        "git does not know this repository: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = output
        .stdout
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    let paths = names.map(|name| PathBuf::from(std::ffi::OsStr::from_bytes(name)));
    // A file that git knows may have been deleted.
    Ok(paths
        .filter(|path| repo.root.join(path).symlink_metadata().is_ok())
        .collect())
}

/// `exercises/SLUG/src/…` and `exercises/SLUG/mutants/…`.
fn is_answer(file: &Path) -> bool {
    let mut parts = file.components().map(Component::as_os_str);
    let (top, _, folder) = (parts.next(), parts.next(), parts.next());
    top.is_some_and(|top| top == "exercises")
        && folder.is_some_and(|folder| folder == "src" || folder == MUTANTS)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().context("a file is in a directory")?;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let done = match fs::read_link(from) {
        Ok(destination) => symlink(destination, to),
        Err(_) => fs::copy(from, to).map(drop),
    };
    done.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Shorter than this, a piece of code may stand anywhere by chance.
const TELLING: usize = 60;

/// Each file that holds what stands in a hole, rightly or wrongly filled, whatever its indentation.
fn leaks(exercises: &[Exercise], target: &Path) -> Result<Vec<String>> {
    let mut secrets = Vec::new();
    for exercise in exercises {
        let Some(answers) = &exercise.answers else {
            continue;
        };
        let starter = squeezed(&exercise.starter);
        let solutions = answers.solution.holes().map(|hole| hole.solution.clone());
        let mutants = answers
            .mutants
            .iter()
            .flat_map(|mutant| mutant.fillings().map(str::to_owned));
        for text in solutions.chain(mutants).map(|text| squeezed(&text)) {
            if text.len() >= TELLING && !starter.contains(&text) {
                secrets.push((exercise.slug.as_str(), text));
            }
        }
    }
    let mut found = Vec::new();
    let mut folders = vec![target.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = squeezed(&String::from_utf8_lossy(&text));
            let here = secrets.iter().filter(|(_, secret)| text.contains(secret));
            found.extend(
                here.map(|(slug, _)| format!("{} has a solution of {slug}", path.display())),
            );
        }
    }
    Ok(found)
}

/// Without white space.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_and_mutants_stay_behind() {
        for (file, stays) in [
            ("exercises/handshake/src/lib.rs", true),
            ("exercises/handshake/mutants/no-wait.rs", true),
            ("exercises/handshake/tests/check.rs", false),
            ("exercises/grade.schema.json", false),
            ("steps/01-namespaces/src/lib.rs", false),
            ("src/exercises/x/src/lib.rs", false),
        ] {
            assert_eq!(is_answer(Path::new(file)), stays, "{file}");
        }
    }
}

//! The book's tables that are made from data: which CVE is whose lesson, which exercises there are, and which causes
//! `cargo lab why` knows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::folder;
use super::generated::{step_folders, step_name};
use super::lint::Problem;
use super::lint::anchors::rust_files;
use crate::cmd::why::rules::{self, Rule};
use crate::repo::Repo;

/// `book/data/cves.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cves {
    cve: Vec<Cve>,
}

/// A hole that was found in a container program or in the kernel below it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cve {
    id: String,
    /// Whose it was.
    program: String,
    /// What went wrong, in a sentence.
    what: String,
    /// What we do about it, in a sentence.
    lesson: String,
    /// The page that tells of it.
    page: String,
    /// The tests that would fail if we had it; a CVE whose step is still to come has none.
    tests: Vec<String>,
}

/// `exercises/SLUG/exercise.toml`, as far as the book shows it.
#[derive(Deserialize)]
struct Exercise {
    title: String,
    step: String,
    minutes: u32,
    points: u32,
}

/// All tables: their file names and texts.
pub(crate) fn parts(repo: &Repo) -> Result<BTreeMap<String, String>> {
    let mut parts = BTreeMap::new();
    let steps = step_folders(repo)?;
    let exercises = exercises(&repo.root.join("exercises"))?;
    for step in steps.iter().map(|step| step_name(step)) {
        parts.insert(
            format!("exercises-{step}.md"),
            exercise_table(&exercises, step),
        );
    }
    let cves: Cves = read(repo, "cves.toml")?;
    parts.insert("cves.md".to_owned(), cve_table(&cves.cve));
    parts.insert("errnos.md".to_owned(), errnos(rules::all()));
    Ok(parts)
}

/// Tests that the data names and that do not exist, and attacks that name a CVE of which the book does not tell.
pub(crate) fn check(repo: &Repo) -> Result<Vec<Problem>> {
    let cves: Cves = read(repo, "cves.toml")?;
    let mut code = String::new();
    for directory in ["steps", "tests", "shared"] {
        for file in rust_files(&repo.root.join(directory))? {
            code.push_str(&fs::read_to_string(file)?);
        }
    }
    let mut problems = Vec::new();
    for cve in &cves.cve {
        for test in cve
            .tests
            .iter()
            .filter(|test| !code.contains(&format!("fn {test}(")))
        {
            let what = format!("{} names the test {test}, and there is none", cve.id);
            problems.push(Problem::in_file("data/cves.toml", 1, what));
        }
    }
    let is_known = |id: &str| cves.cve.iter().any(|cve| cve.id == id);
    for probe in attacks::all() {
        for id in probe.cves.iter().filter(|id| !is_known(id)) {
            let what = format!("the attack {} names {id}, which is not there", probe.slug);
            problems.push(Problem::in_file("data/cves.toml", 1, what));
        }
    }
    Ok(problems)
}

fn read<T: DeserializeOwned>(repo: &Repo, name: &str) -> Result<T> {
    let path = folder(repo).join("data").join(name);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}

/// What `cargo lab why` knows, one table for each errno.
fn errnos(rules: impl Iterator<Item = &'static Rule>) -> String {
    let mut by_errno: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        by_errno.entry(rule.errno).or_default().push(rule);
    }
    let mut text = String::new();
    for (errno, rules) in by_errno {
        text.push_str(&format!(
            "### {errno}\n\n| of | because | to see it | to mend it |\n|---|---|---|---|\n"
        ));
        for rule in rules {
            let calls: Vec<_> = rule.calls.iter().map(|call| format!("`{call}`")).collect();
            let cells = [&calls.join(" "), rule.cause, rule.how, rule.mend];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text.push('\n');
    }
    text
}

fn cve_table(cves: &[Cve]) -> String {
    let mut table = String::from(
        "| CVE | in | what went wrong | what we do | tested by |\n|---|---|---|---|---|\n",
    );
    for cve in cves {
        let tests = cve.tests.iter().map(|test| format!("`{test}`"));
        let probes = attacks::all().filter(|probe| probe.cves.contains(&cve.id.as_str()));
        let probes = probes.map(|probe| format!("[attack `{}`](matrix.md)", probe.slug));
        let tests = match tests.chain(probes).collect::<Vec<_>>() {
            none if none.is_empty() => "with its step".to_owned(),
            tests => tests.join(", "),
        };
        let link = format!("https://nvd.nist.gov/vuln/detail/{}", cve.id);
        let lesson = if cve.page.is_empty() {
            cve.lesson.clone()
        } else {
            format!("[{}]({})", cve.lesson, cve.page)
        };
        table.push_str(&format!(
            "| [{}]({link}) | {} | {} | {lesson} | {tests} |\n",
            cve.id, cve.program, cve.what
        ));
    }
    table
}

/// The exercises by slug; none where the folder is missing, as in a copy of the book alone.
fn exercises(directory: &Path) -> Result<BTreeMap<String, Exercise>> {
    let mut exercises = BTreeMap::new();
    let Ok(entries) = fs::read_dir(directory) else {
        return Ok(exercises);
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path().join("exercise.toml");
        if let Ok(text) = fs::read_to_string(&path) {
            let exercise = toml::from_str(&text)
                .with_context(|| format!("cannot understand {}", path.display()))?;
            exercises.insert(entry.file_name().to_string_lossy().into_owned(), exercise);
        }
    }
    Ok(exercises)
}

fn exercise_table(exercises: &BTreeMap<String, Exercise>, step: &str) -> String {
    let of_step: Vec<_> = exercises
        .iter()
        .filter(|(_, exercise)| exercise.step == step)
        .collect();
    if of_step.is_empty() {
        return String::new();
    }
    let mut table = String::from("| exercise | | minutes | points |\n|---|---|--:|--:|\n");
    for (slug, exercise) in of_step {
        let Exercise {
            title,
            minutes,
            points,
            ..
        } = exercise;
        table.push_str(&format!(
            "| {title} | `cargo lab start {slug}` | {minutes} | {points} |\n"
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_why_has_a_line_below_its_errno() {
        let text = errnos(rules::all());
        for rule in rules::all() {
            let (_, below) = text.split_once(&format!("### {}\n", rule.errno)).unwrap();
            let section = below.split("###").next().unwrap();
            assert!(
                section.contains(&rule.cause.replace('|', "\\|")),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn exercises_are_listed_with_their_step_alone() {
        let text = "title = \"T\"\nstep = \"a\"\nminutes = 5\npoints = 10\nhints = []\n";
        let exercises = BTreeMap::from([("slug".to_owned(), toml::from_str(text).unwrap())]);
        assert!(
            exercise_table(&exercises, "a").contains("| T | `cargo lab start slug` | 5 | 10 |")
        );
        assert_eq!(exercise_table(&exercises, "b"), "");
    }
}

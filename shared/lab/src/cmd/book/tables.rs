//! The book's tables that are made from data: which attack each step stops, which CVE is whose lesson, which exercises
//! there are, and which causes `cargo lab why` knows.

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

/// `book/data/attacks.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attacks {
    attack: Vec<Attack>,
}

/// Something that a container should not be able to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    /// What the attacker does, as a phrase.
    what: String,
    /// The folder-less name of the first step that stops it, also one that is still to come.
    stopped_by: String,
    /// By which means.
    means: String,
}

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
    let attacks: Attacks = read(repo, "attacks.toml")?;
    let exercises = exercises(&repo.root.join("exercises"))?;
    for step in steps.iter().map(|step| step_name(step)) {
        parts.insert(
            format!("escapes-{step}.md"),
            escapes(&attacks.attack, &steps, step),
        );
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

/// Tests that the data names and that do not exist, and names of steps that no chapter or plan has.
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
    Ok(problems)
}

fn read<T: DeserializeOwned>(repo: &Repo, name: &str) -> Result<T> {
    let path = folder(repo).join("data").join(name);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}

/// What the step stops, what it does not yet, and who will.
fn escapes(attacks: &[Attack], steps: &[String], step: &str) -> String {
    let place = |name: &str| steps.iter().position(|folder| step_name(folder) == name);
    let mut table = String::from("| the container tries to | here | stopped by |\n|---|---|---|\n");
    for attack in attacks {
        let stopper = place(&attack.stopped_by);
        let here = if stopper.is_some_and(|at| Some(at) <= place(step)) {
            "stopped"
        } else {
            "**escapes**"
        };
        let name = match stopper {
            Some(at) => format!("[{}]({}.md)", attack.stopped_by, steps[at]),
            None => format!("`{}`, a later step", attack.stopped_by),
        };
        table.push_str(&format!(
            "| {} | {here} | {name}: {} |\n",
            attack.what, attack.means
        ));
    }
    table
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
        let tests = match cve.tests.as_slice() {
            [] => "with its step".to_owned(),
            tests => tests
                .iter()
                .map(|test| format!("`{test}`"))
                .collect::<Vec<_>>()
                .join(", "),
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

    fn attack(stopped_by: &str) -> Attack {
        Attack {
            what: "leave".into(),
            stopped_by: stopped_by.into(),
            means: "a wall".into(),
        }
    }

    #[test]
    fn an_attack_escapes_until_its_step_has_come() {
        let steps = ["01-a".to_owned(), "02-b".to_owned()];
        let attacks = [attack("b"), attack("later")];
        let first = escapes(&attacks, &steps, "a");
        assert_eq!(first.matches("**escapes**").count(), 2);
        let second = escapes(&attacks, &steps, "b");
        assert!(
            second.contains("| leave | stopped | [b](02-b.md): a wall |"),
            "{second}"
        );
        assert!(
            second.contains("| leave | **escapes** | `later`, a later step: a wall |"),
            "{second}"
        );
    }

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

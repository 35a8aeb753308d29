//! The parts of the book that are not written but computed, kept in the repository so that a reader of the source has
//! them, and checked to be current.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use similar::{ChangeTag, TextDiff};

use super::chapter::pages;
use super::lint::Problem;
use super::{escapes, folder, tables, template};
use crate::repo::Repo;

/// Where they are, in `book/src`.
pub(crate) const FOLDER: &str = "generated";

/// Every generated part: its file name and its text.
fn parts(repo: &Repo) -> Result<BTreeMap<String, String>> {
    let mut parts = BTreeMap::new();
    parts.extend(changes(repo)?);
    parts.insert("chapters.md".to_owned(), chapters(repo)?);
    parts.extend(tables::parts(repo)?);
    parts.extend(escapes::parts(repo)?);
    Ok(parts)
}

/// Writes those that are not current, removes those that are no longer made, and returns the names of both.
pub(crate) fn write(repo: &Repo) -> Result<Vec<String>> {
    let directory = folder(repo).join("src").join(FOLDER);
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let parts = parts(repo)?;
    let present = present(&directory)?;
    let mut changed = Vec::new();
    for (name, text) in &parts {
        if present.get(name) != Some(text) {
            let path = directory.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            changed.push(format!("{FOLDER}/{name}"));
        }
    }
    for name in present.keys().filter(|name| !parts.contains_key(*name)) {
        let path = directory.join(name);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        changed.push(format!("{FOLDER}/{name}"));
    }
    Ok(changed)
}

/// The parts that are not current.
pub(crate) fn stale(repo: &Repo) -> Result<Vec<Problem>> {
    let present = present(&folder(repo).join("src").join(FOLDER)).unwrap_or_default();
    let parts = parts(repo)?;
    let outdated = parts
        .iter()
        .filter(|(name, text)| present.get(*name) != Some(*text))
        .map(|(name, _)| name);
    let extra = present.keys().filter(|name| !parts.contains_key(*name));
    let problem = |name: &String| {
        Problem::in_file(
            &format!("{FOLDER}/{name}"),
            1,
            "is not current: `cargo lab book bless` writes it",
        )
    };
    Ok(outdated.chain(extra).map(problem).collect())
}

fn present(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut present = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        present.insert(name, fs::read_to_string(entry.path())?);
    }
    Ok(present)
}

/// The two lists that a step is: the anchors around them in its `main.rs`.
pub(crate) const LISTS: [&str; 2] = ["options", "list"];

/// What each step adds to the two lists of the one before.
fn changes(repo: &Repo) -> Result<Vec<(String, String)>> {
    let steps = step_folders(repo)?;
    steps
        .windows(2)
        .map(|pair| {
            let read = |step: &str| {
                let path = repo.root.join("steps").join(step).join("src/main.rs");
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
            };
            let (old, new) = (read(&pair[0])?, read(&pair[1])?);
            let name = format!("changes-{}.diff", step_name(&pair[1]));
            Ok((name, differences(&pair[0], &old, &pair[1], &new)?))
        })
        .collect()
}

/// Both lists as a whole, so that a reader sees what is new among what is not.
fn differences(old_step: &str, old: &str, new_step: &str, new: &str) -> Result<String> {
    let place = |step: &str| format!("steps/{step}/src/main.rs");
    let mut text = format!("--- {}\n+++ {}\n", place(old_step), place(new_step));
    for anchor in LISTS {
        let part = |step: &str, text| {
            anchored(text, anchor)
                .with_context(|| format!("{} has no anchor {anchor}", place(step)))
        };
        let (old, new) = (part(old_step, old)?, part(new_step, new)?);
        text.push_str(&format!("@@ {anchor} @@\n"));
        let difference = TextDiff::from_lines(&old, &new);
        let mut lines: Vec<_> = difference
            .iter_all_changes()
            .map(|change| (change.tag(), change.value()))
            .collect();
        slide(&mut lines);
        for (tag, line) in lines {
            text.push_str(&format!("{tag}{line}"));
        }
    }
    Ok(text)
}

/// What is new is shown as early as it can be: else a new item would begin with its second line and end with the first of the
/// next one, where both first lines are the same (`#[command(flatten)]`).
fn slide(lines: &mut [(ChangeTag, &str)]) {
    for start in 1..lines.len() {
        let is_new = |line: &&(ChangeTag, &str)| line.0 == ChangeTag::Insert;
        let length = lines[start..].iter().take_while(is_new).count();
        let (before, last) = (lines[start - 1], lines[start - 1 + length]);
        if length > 0 && before.0 == ChangeTag::Equal && before.1 == last.1 {
            lines[start - 1].0 = ChangeTag::Insert;
            lines[start - 1 + length].0 = ChangeTag::Equal;
        }
    }
}

/// The lines between the two comments of an anchor, as mdBook includes them.
fn anchored(text: &str, anchor: &str) -> Option<String> {
    let (begin, end) = (
        format!("// ANCHOR: {anchor}"),
        format!("// ANCHOR_END: {anchor}"),
    );
    let mut lines = text.lines().skip_while(|line| line.trim() != begin);
    lines.next()?;
    Some(
        lines
            .take_while(|line| line.trim() != end)
            .fold(String::new(), |text, line| text + line + "\n"),
    )
}

/// The folders in `steps/` of those steps that have a chapter, in order.
pub(crate) fn step_folders(repo: &Repo) -> Result<Vec<String>> {
    let mut steps: Vec<_> = pages(&folder(repo))?
        .iter()
        .filter_map(|page| page.number().map(str::to_owned))
        .collect();
    steps.sort();
    Ok(steps)
}

/// `namespaces` for `01-namespaces`.
pub(crate) fn step_name(folder: &str) -> &str {
    folder.split_once('-').map_or(folder, |(_, name)| name)
}

/// The chapters with the minutes that each takes.
fn chapters(repo: &Repo) -> Result<String> {
    let mut table = String::from("| chapter | minutes |\n|---|--:|\n");
    let mut sum = 0;
    for page in pages(&folder(repo))?
        .iter()
        .filter(|page| page.is_chapter())
    {
        let minutes = template::minutes(page).unwrap_or_default();
        let title = template::title(page).unwrap_or_default();
        table.push_str(&format!("| [{title}]({}) | {minutes} |\n", page.name));
        sum += minutes;
    }
    table.push_str(&format!("| **all** | **{sum}** |\n"));
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_both_lists_and_nothing_else() {
        let step = |option: &str, item: &str| {
            format!(
                "use {item};\n// ANCHOR: options\nA\n{option}// ANCHOR_END: options\nfn main() {{}}\n\
                 // ANCHOR: list\n{item}z\n// ANCHOR_END: list\n"
            )
        };
        let text = differences("01-a", &step("", "x\n"), "02-b", &step("B\n", "x\ny\n"));
        assert_eq!(
            text.unwrap(),
            "--- steps/01-a/src/main.rs\n+++ steps/02-b/src/main.rs\n\
             @@ options @@\n A\n+B\n@@ list @@\n x\n+y\n z\n"
        );
        let missing = differences("01-a", "", "02-b", "").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "steps/01-a/src/main.rs has no anchor options"
        );
    }

    #[test]
    fn a_new_item_begins_with_its_own_first_line() {
        let (equal, new) = (ChangeTag::Equal, ChangeTag::Insert);
        let mut lines = [
            (equal, "{"),
            (equal, "#"),
            (new, "b"),
            (new, "#"),
            (equal, "a"),
        ];
        slide(&mut lines);
        assert_eq!(
            lines.map(|(tag, _)| tag),
            [equal, new, new, equal, equal],
            "{lines:?}"
        );
    }

    #[test]
    fn a_step_is_named_by_what_follows_its_number() {
        assert_eq!(step_name("01-namespaces"), "namespaces");
    }
}

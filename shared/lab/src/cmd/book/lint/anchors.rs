//! Code in the book is included from code that compiles, and every anchor in that code is there for the book.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result};
use regex::Regex;

use super::Problem;
use crate::cmd::book::chapter::{Page, line_of};
use crate::cmd::book::generated;
use crate::repo::Repo;

/// `{{#include FILE}}` or `{{#include FILE:ANCHOR}}`.
static INCLUDE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{\{#\w*include ([^}:]+)(?::([^}]*))?\}\}").expect("well-formed: the tests use it")
});
static ANCHOR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"ANCHOR: ([\w-]+)").expect("well-formed: the tests use it"));

/// One include of a page.
struct Include<'a> {
    file: &'a str,
    anchor: Option<&'a str>,
    line: usize,
}

/// Rust that was typed by hand, and includes of what is not there.
pub(super) fn check_page(repo: &Repo, page: &Page) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for fence in page.fences()? {
        let language = fence.info.split([',', ' ']).next().unwrap_or_default();
        let is_rust = matches!(language, "rust" | "rs");
        let lines = page.content(&fence).lines();
        if is_rust
            && lines
                .filter(|line| !line.trim().is_empty())
                .any(|line| !is_include(line))
        {
            problems.push(Problem::new(
                page,
                fence.line,
                "code is not typed by hand but included: {{#include ../../steps/…/src/file.rs:anchor}}",
            ));
        }
    }
    let source = repo.root.join("book/src");
    for include in includes(&page.text) {
        problems
            .extend(dangling(&source, &include).map(|what| Problem::new(page, include.line, what)));
    }
    Ok(problems)
}

fn is_include(line: &str) -> bool {
    INCLUDE
        .find(line.trim())
        .is_some_and(|found| found.len() == line.trim().len())
}

fn includes(text: &str) -> Vec<Include<'_>> {
    INCLUDE
        .captures_iter(text)
        .map(|found| {
            let at = found.get(0).map_or(0, |whole| whole.start());
            Include {
                file: found.get(1).map_or("", |file| file.as_str()).trim(),
                anchor: found.get(2).map(|anchor| anchor.as_str()),
                line: line_of(text, at),
            }
        })
        .collect()
}

/// What is wrong with an include, if anything.
fn dangling(source: &Path, include: &Include<'_>) -> Option<String> {
    let Ok(text) = fs::read_to_string(source.join(include.file)) else {
        return Some(format!("{} is not there", include.file));
    };
    let anchor = include.anchor?;
    if anchor.is_empty() || anchor.starts_with(|c: char| c.is_ascii_digit() || c == ':') {
        return Some(
            "lines are included by an anchor and not by number, which the next edit would move"
                .to_owned(),
        );
    }
    let has = |word: &str| {
        text.lines()
            .any(|line| line.trim() == format!("// {word}: {anchor}"))
    };
    match (has("ANCHOR"), has("ANCHOR_END")) {
        (true, true) => None,
        (false, _) => Some(format!("{} has no anchor {anchor}", include.file)),
        (true, false) => Some(format!(
            "the anchor {anchor} in {} has no end",
            include.file
        )),
    }
}

/// Anchors in the steps that no page includes: someone has renamed or forgotten something.
pub(super) fn never_shown(repo: &Repo, pages: &[Page]) -> Result<Vec<Problem>> {
    let source = repo.root.join("book/src");
    let mut shown = BTreeSet::new();
    for page in pages {
        for include in includes(&page.text) {
            if let (Ok(file), Some(anchor)) =
                (source.join(include.file).canonicalize(), include.anchor)
            {
                shown.insert((file, anchor.to_owned()));
            }
        }
    }
    let mut problems = Vec::new();
    for file in rust_files(&repo.root.join("steps"))? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let file = file.canonicalize()?;
        let is_program = file.ends_with("src/main.rs");
        for found in ANCHOR.captures_iter(&text) {
            let anchor = &found[1];
            // The generated differences between neighbouring steps show these.
            let is_list = is_program && generated::LISTS.contains(&anchor);
            if !is_list && !shown.contains(&(file.clone(), anchor.to_owned())) {
                let name = file
                    .strip_prefix(&repo.root)
                    .unwrap_or(&file)
                    .display()
                    .to_string();
                let line = line_of(&text, found.get(0).map_or(0, |whole| whole.start()));
                problems.push(Problem::in_file(
                    &name,
                    line,
                    format!("no page shows the anchor {anchor}"),
                ));
            }
        }
    }
    Ok(problems)
}

/// Every `.rs` file below a directory.
pub(crate) fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::book::chapter;

    /// A repository of one step and one page.
    fn repository(code: &str, page: &str) -> (tempfile::TempDir, Repo, Page) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for (file, text) in [("steps/01-x/src/a.rs", code), ("book/src/01-x.md", page)] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        (directory, Repo { root }, chapter::page("01-x.md", page))
    }

    fn found(code: &str, text: &str) -> Vec<String> {
        let (_directory, repo, page) = repository(code, text);
        let mut problems = check_page(&repo, &page).unwrap();
        problems.extend(never_shown(&repo, &[page]).unwrap());
        problems.iter().map(Problem::to_string).collect()
    }

    const CODE: &str = "// ANCHOR: main\nfn main() {}\n// ANCHOR_END: main\n";

    #[test]
    fn included_code_is_fine() {
        let page = "```rust\n{{#include ../../steps/01-x/src/a.rs:main}}\n```\n";
        assert_eq!(found(CODE, page), [""; 0]);
    }

    #[test]
    fn typed_code_is_not() {
        let typed = "{{#include ../../steps/01-x/src/a.rs:main}}\n\n```rust\nfn main() {}\n```\n";
        assert!(found(CODE, typed)[0].starts_with("01-x.md:3: code is not typed"));
    }

    #[test]
    fn what_is_included_has_to_be_there() {
        let include = |what: &str| format!("{{{{#include ../../steps/01-x/src/{what}}}}}\n");
        for (what, complaint) in [
            ("b.rs", "is not there"),
            ("a.rs:other", "has no anchor other"),
            ("a.rs:1:3", "by an anchor and not by number"),
        ] {
            let found = found(CODE, &(include("a.rs:main") + &include(what)));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with("01-x.md:2: ") && found[0].contains(complaint),
                "{found:?}"
            );
        }
        let unended = found("// ANCHOR: main\n", &include("a.rs:main"));
        assert!(unended[0].contains("has no end"), "{unended:?}");
    }

    #[test]
    fn an_anchor_that_no_page_shows_is_named() {
        assert_eq!(
            found(CODE, ""),
            ["steps/01-x/src/a.rs:1: no page shows the anchor main"]
        );
    }
}

//! `cargo lab book lint`: what is wrong with the book and can be seen without running it.

pub(crate) mod anchors;
mod links;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::chapter::{Page, pages};
use super::scene::scenes;
use super::{escapes, folder, generated, tables, template};
use crate::repo::Repo;
use crate::ui::{say, step};

/// Something to mend, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    page: String,
    line: usize,
    what: String,
}

impl Problem {
    pub(crate) fn new(page: &Page, line: usize, what: impl Into<String>) -> Self {
        Self::in_file(&page.name, line, what)
    }

    pub(crate) fn in_file(name: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            page: name.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.page, self.line, self.what)
    }
}

pub(crate) fn run(repo: &Repo) -> Result<ExitCode> {
    let problems = problems(repo)?;
    for problem in &problems {
        say!("{problem}");
    }
    Ok(match problems.len() {
        0 => {
            step(
                "book",
                "no dead link, no code typed by hand, nothing missing, nothing outdated",
            );
            ExitCode::SUCCESS
        }
        count => {
            say!("{count} to mend");
            ExitCode::FAILURE
        }
    })
}

/// All that is wrong, by page and line.
pub(crate) fn problems(repo: &Repo) -> Result<Vec<Problem>> {
    let book = folder(repo);
    let pages = pages(&book)?;
    let mut problems = orphans(&book, &pages)?;
    for page in &pages {
        if let Err(error) = scenes(page) {
            problems.push(Problem::new(page, 1, format!("{error:#}")));
        }
        problems.extend(template::check(page));
        problems.extend(anchors::check_page(repo, page)?);
    }
    let mut all = pages.clone();
    all.extend(generated_pages(&book)?);
    problems.extend(links::check(&book, &all));
    problems.extend(anchors::never_shown(repo, &all)?);
    problems.extend(generated::stale(repo)?);
    problems.extend(tables::check(repo)?);
    problems.extend(escapes::check(repo)?);
    problems.sort();
    Ok(problems)
}

/// Pages that no reader would find, or that readers would find twice, which mdBook refuses.
fn orphans(book: &Path, pages: &[Page]) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let source = book.join("src");
    for entry in
        fs::read_dir(&source).with_context(|| format!("cannot read {}", source.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_page = name.ends_with(".md") && name != "SUMMARY.md";
        if is_page && !pages.iter().any(|page| page.name == name) {
            problems.push(Problem::in_file(
                &name,
                1,
                "SUMMARY.md does not name this page",
            ));
        }
    }
    let twice = pages
        .iter()
        .enumerate()
        .filter(|(at, page)| pages[..*at].iter().any(|p| p.name == page.name));
    problems.extend(
        twice.map(|(_, page)| {
            Problem::in_file("SUMMARY.md", 1, format!("names {} twice", page.name))
        }),
    );
    Ok(problems)
}

/// The generated parts that are Markdown: they are in no table of contents, and their links can be dead as well.
fn generated_pages(book: &Path) -> Result<Vec<Page>> {
    let directory = book.join("src").join(generated::FOLDER);
    let Ok(entries) = fs::read_dir(directory) else {
        return Ok(Vec::new());
    };
    let mut pages = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            pages.push(Page::read(book, &format!("{}/{name}", generated::FOLDER))?);
        }
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_of_this_repository_has_no_problem() {
        let problems: Vec<_> = problems(&Repo::find().unwrap())
            .unwrap()
            .iter()
            .map(Problem::to_string)
            .collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

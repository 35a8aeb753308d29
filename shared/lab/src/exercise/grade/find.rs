//! Where the submissions are: a workbook, a repository with a workbook in it, or a folder with one of these for each
//! learner.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::super::catalogue::{Exercise, SOLUTION, folders};
use super::super::progress::{self, Progress};

/// One learner's work.
#[derive(Debug)]
pub(super) struct Learner {
    /// The folder's name.
    pub name: String,
    /// What the workbook says of time and hints.
    pub progress: Progress,
    /// What is wrong with it, if it cannot be read.
    pub note: Option<String>,
    workbook: PathBuf,
}

/// What a learner has handed in for one exercise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing.
    Missing,
    /// The starter as it was.
    Untouched,
    /// A source.
    Changed(String),
    /// What is no source, and why.
    Unreadable(String),
}

/// More than any solution has.
const LARGEST: u64 = 256 << 10;

/// The learners in `directory`, sorted.
pub(super) fn learners(directory: &Path, exercises: &[&Exercise]) -> Result<Vec<Learner>> {
    ensure!(
        directory.is_dir(),
        "{} is not a directory",
        directory.display()
    );
    let directory = directory
        .canonicalize()
        .with_context(|| format!("cannot find {}", directory.display()))?;
    if let Some(workbook) = workbook_in(&directory, exercises) {
        return Ok(vec![Learner::read(&directory, workbook)]);
    }
    let mut learners = Vec::new();
    for folder in folders(&directory)? {
        // A learner who has handed in nothing is graded too.
        let workbook = workbook_in(&folder, exercises).unwrap_or_else(|| folder.clone());
        learners.push(Learner::read(&folder, workbook));
    }
    ensure!(
        !learners.is_empty(),
        "there is no submission in {}: give a workbook, or a folder with one workbook for each learner",
        directory.display()
    );
    Ok(learners)
}

/// `folder` itself, or its `workbook`, if work on an exercise lies there.
fn workbook_in(folder: &Path, exercises: &[&Exercise]) -> Option<PathBuf> {
    [folder.join("workbook"), folder.to_owned()]
        .into_iter()
        .find(|place| {
            let has = |exercise: &&Exercise| is_file(&place.join(&exercise.slug).join(SOLUTION));
            is_file(&place.join(progress::FILE)) || exercises.iter().any(has)
        })
        .filter(|place| !place.join("exercises").is_dir() || place.ends_with("workbook"))
}

/// A file, and not a link to one: a submission must not make us read what is the grader's.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file())
}

impl Learner {
    fn read(folder: &Path, workbook: PathBuf) -> Self {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (progress, note) = match read_small(&workbook.join(progress::FILE)) {
            Ok(None) => (Progress::default(), None),
            Ok(Some(_)) => match Progress::load(&workbook) {
                Ok(progress) => (progress, None),
                Err(error) => (Progress::default(), Some(format!("{error:#}"))),
            },
            Err(error) => (Progress::default(), Some(format!("{error:#}"))),
        };
        Self {
            name,
            progress,
            note,
            workbook,
        }
    }

    /// What was handed in.
    pub(super) fn content(&self, exercise: &Exercise) -> Content {
        match read_small(&self.workbook.join(&exercise.slug).join(SOLUTION)) {
            Ok(None) => Content::Missing,
            Ok(Some(text)) if text == exercise.starter => Content::Untouched,
            Ok(Some(text)) => Content::Changed(text),
            Err(error) => Content::Unreadable(format!("{error:#}")),
        }
    }
}

/// The text of a regular file of a reasonable size; `None` if there is none.
fn read_small(path: &Path) -> Result<Option<String>> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(None);
    };
    ensure!(metadata.is_file(), "{name} is not a regular file");
    ensure!(
        metadata.len() <= LARGEST,
        "{name} has {} bytes, more than {LARGEST}",
        metadata.len()
    );
    let mut bytes = Vec::new();
    // Not even if it has become a link, or a pipe, since we looked.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .with_context(|| format!("cannot read {name}"))?;
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    let text = String::from_utf8(bytes)
        .ok()
        .with_context(|| format!("{name} is not UTF-8"))?;
    Ok(Some(text))
}

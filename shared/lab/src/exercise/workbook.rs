//! The workbook: where a learner works. Nothing in it is ever overwritten without being asked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::catalogue::{Exercise, SOLUTION, TASK, read};
use super::progress::Progress;
use super::workshop::{PROFILE, dependencies};
use crate::repo::Repo;

/// The directory, and what is known of the learner's progress.
#[derive(Clone, Debug)]
pub(crate) struct Workbook {
    /// `workbook/` in the repository.
    pub directory: PathBuf,
}

/// What [`Workbook::start`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    /// All is new.
    New,
    /// The learner's work was there and is as it was.
    Kept,
    /// Some file was missing and has been put back.
    Mended,
}

impl Workbook {
    /// The learner's workbook: `DRYDOCK_WORKBOOK`, or `workbook/` in the repository.
    pub(crate) fn of(repo: &Repo) -> Self {
        let directory = std::env::var_os("DRYDOCK_WORKBOOK").filter(|path| !path.is_empty());
        Self {
            directory: directory.map_or_else(|| repo.root.join("workbook"), PathBuf::from),
        }
    }

    /// How a path in it is shown: `workbook/handshake/src/lib.rs`.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let relative = self
            .directory
            .parent()
            .and_then(|parent| path.strip_prefix(parent).ok());
        relative.unwrap_or(path).display().to_string()
    }

    /// Where the learner works on an exercise.
    pub(crate) fn folder(&self, slug: &str) -> PathBuf {
        self.directory.join(slug)
    }

    /// The file that the learner edits.
    pub(crate) fn source(&self, slug: &str) -> PathBuf {
        self.folder(slug).join(SOLUTION)
    }

    /// That file, if the learner has started.
    pub(crate) fn started_source(&self, slug: &str) -> Result<PathBuf> {
        let source = self.source(slug);
        if !source.is_file() {
            bail!(
                "{} is not there: `cargo lab start {slug}` makes it",
                source.display()
            );
        }
        Ok(source)
    }

    /// Makes what is missing of the exercise's package; what is there stays as it is.
    pub(crate) fn start(&self, repo: &Repo, exercise: &Exercise) -> Result<Started> {
        let folder = self.folder(&exercise.slug);
        let was_there = self.source(&exercise.slug).is_file();
        let task = read(&exercise.directory.join(TASK))?;
        if self.directory == repo.root.join("workbook") {
            make(&self.directory.join(".cargo/config.toml"), CARGO_CONFIG)?;
        }
        let mut made = 0;
        for (file, text) in [
            (SOLUTION, exercise.starter.clone()),
            ("Cargo.toml", self.manifest(repo, exercise)),
            (TASK, task),
            ("Cargo.lock", read(&repo.root.join("Cargo.lock"))?),
        ] {
            made += u32::from(make(&folder.join(file), &text)?);
        }
        Ok(match (was_there, made) {
            (false, 4) => Started::New,
            (_, 0) => Started::Kept,
            _ => Started::Mended,
        })
    }

    /// Puts the starter in place of the learner's work, which is kept beside it. Returns where.
    pub(crate) fn start_again(&self, exercise: &Exercise) -> Result<PathBuf> {
        let source = self.source(&exercise.slug);
        let kept = (1..)
            .map(|n| source.with_extension(format!("rs.{n}")))
            .find(|path| !path.exists())
            .context("there is no free name")?;
        fs::rename(&source, &kept).with_context(|| format!("cannot keep {}", source.display()))?;
        make(&source, &exercise.starter)?;
        Ok(kept)
    }

    /// The learner's progress.
    pub(crate) fn progress(&self) -> Result<Progress> {
        Progress::load(&self.directory)
    }
}

/// Writes the file if it is not there. True if it was not.
fn make(path: &Path, text: &str) -> Result<bool> {
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let directory = path.parent().context("a file is in a directory")?;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    kit::fs::write_atomically(path, text.as_bytes())?;
    Ok(true)
}

/// Of the workbook's own `.cargo/config.toml`: its packages share what the repository has built.
const CARGO_CONFIG: &str = "[build]\ntarget-dir = \"../target\"\n";

impl Workbook {
    /// The learner's own package: for the editor, and for `cargo build`. Its checks are run by `cargo lab check`.
    fn manifest(&self, repo: &Repo, exercise: &Exercise) -> String {
        // Relative, so that the repository can be moved.
        let is_inside = self.directory == repo.root.join("workbook");
        let repository = if is_inside {
            Path::new("../..")
        } else {
            &repo.root
        };
        format!(
            "# {}: `cargo lab check {}`\n[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
             [lib]\nname = \"exercise\"\n\n{}\n{PROFILE}\n[workspace]\n",
            exercise.about.title,
            exercise.slug,
            format!("my-{}", exercise.slug),
            dependencies(repository, &exercise.about.step, false),
        )
    }
}

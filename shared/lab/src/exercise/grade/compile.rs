//! Compiling what others have written: behind glass, where the compiler can be made to hang or to eat memory without
//! harm, and can be told to include neither the solutions nor another learner's work.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::catalogue::Exercise;
use super::super::cell::{Inmate, World};
use super::super::cells::{self, Job, Ran};
use super::super::workshop::{Built, Work, Workshop, work_name};
use crate::privilege::Privilege;
use crate::repo::Repo;

/// A cargo for strangers' sources.
pub(super) struct Compiler<'a> {
    repo: &'a Repo,
    privilege: Privilege,
    hidden: Vec<PathBuf>,
}

/// What cargo and rustc look at.
const ENVIRONMENT: [&str; 6] = [
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_TARGET_DIR",
];

impl<'a> Compiler<'a> {
    /// Builds everything that the submissions have in common, from the starters: those are our own.
    pub(super) fn prepare(
        repo: &'a Repo,
        privilege: Privilege,
        workshop: &Workshop,
        exercises: &[&Exercise],
        submissions: &Path,
    ) -> Result<Self> {
        let mut works = Vec::new();
        for &exercise in exercises {
            let name = work_name(&["first", &exercise.slug])?;
            let source = workshop.store(&name, &exercise.starter)?;
            works.push(Work {
                name,
                exercise,
                source,
                label: "src/lib.rs".to_owned(),
            });
        }
        workshop.build(repo, &works)?;
        let submissions = submissions
            .canonicalize()
            .context("the submissions are gone")?;
        let mut hidden = vec![
            repo.root.join("exercises"),
            repo.root.join(".git"),
            repo.root.join("workbook"),
        ];
        // What we stand in cannot be hidden: then the submissions are in the workbook, which is.
        if !repo.root.starts_with(&submissions) {
            hidden.push(submissions);
        }
        Ok(Self {
            repo,
            privilege,
            hidden,
        })
    }

    /// How the cells become root's.
    pub(super) fn privilege(&self) -> Privilege {
        self.privilege
    }

    /// Builds them together, and, if the compiler was stopped, one by one, to find out by whom.
    pub(super) fn build(&self, workshop: &Workshop, works: &[Work<'_>]) -> Result<Vec<Built>> {
        if works.is_empty() {
            return Ok(Vec::new());
        }
        let build = self.run(workshop, works)?;
        match (&build.stopped, works) {
            (None, _) => workshop.read(works, build.messages.as_bytes(), build.errors.as_bytes()),
            (Some(why), [_]) => Ok(vec![Built::Broken(format!("{why}\n"))]),
            (Some(_), _) => {
                let each = works
                    .iter()
                    .map(|work| self.build(workshop, std::slice::from_ref(work)));
                let built: Vec<Vec<Built>> = each.collect::<Result<_>>()?;
                Ok(built.into_iter().flatten().collect())
            }
        }
    }

    fn run(&self, workshop: &Workshop, works: &[Work<'_>]) -> Result<Ran> {
        let command = workshop.command(self.repo, works)?;
        let job = Job::Build {
            inmate: self.inmate(workshop, &command)?,
        };
        let mut ran = None;
        cells::run(self.privilege, &[job], |report| ran = report.ran)?;
        ran.context("the compiler has not been reported")
    }

    fn inmate(&self, workshop: &Workshop, command: &Command) -> Result<Inmate> {
        let text = |what: &std::ffi::OsStr| {
            what.to_str()
                .map(str::to_owned)
                .context("a path is not UTF-8")
        };
        let inherited = ENVIRONMENT
            .iter()
            .filter_map(|&name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let mut environment: Vec<_> = inherited.collect();
        environment.push(("TMPDIR".to_owned(), text(workshop.directory().as_os_str())?));
        let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
        Ok(Inmate {
            program: command.get_program().into(),
            arguments: command.get_args().map(text).collect::<Result<_>>()?,
            environment,
            world: World::Glass {
                directory: self.repo.root.clone(),
                writable: vec![workshop.target().to_owned()],
                hidden: self.hidden.clone(),
                user: (!user.is_root()).then(|| (user.as_raw(), group.as_raw())),
            },
        })
    }
}

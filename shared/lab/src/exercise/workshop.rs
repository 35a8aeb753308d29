//! Building submissions: each becomes a small package of its own, and cargo builds them all at once, offline.
//!
//! The packages lie in the target directory and only *name* the sources, so that the compiler's messages point at the
//! learner's own file, and nothing that a submission brings besides its source takes part in the build.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use kit::fs::Lock;
use serde::Deserialize;

use super::catalogue::{CHECK, Exercise, entries, read};
use crate::repo::Repo;

/// One source to be built against the checks of its exercise.
#[derive(Clone, Debug)]
pub(crate) struct Work<'a> {
    /// A name that no other work of the same build has: letters, digits and hyphens.
    pub name: String,
    /// Whose checks.
    pub exercise: &'a Exercise,
    /// The source.
    pub source: PathBuf,
    /// How the source is called in what is said about it.
    pub label: String,
}

impl Work<'_> {
    /// `text` with the source under its label.
    pub(crate) fn labelled(&self, text: &str) -> String {
        let text = text.replace(&self.source.display().to_string(), &self.label);
        // The compiler names what lies in its workspace relative to that.
        match self.source.file_name() {
            Some(name) if name != "lib.rs" => {
                text.replace(&name.display().to_string(), &self.label)
            }
            _ => text,
        }
    }
}

/// What became of a [`Work`].
#[derive(Clone, Debug)]
pub(crate) enum Built {
    /// The check program.
    Program(PathBuf),
    /// It does not compile: the compiler's messages.
    Broken(String),
}

/// Where things are built.
#[derive(Debug)]
pub(crate) struct Workshop {
    repository: PathBuf,
    target: PathBuf,
    directory: PathBuf,
    /// Two commands at once do not build in the same place: the second waits.
    _lock: Lock,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

impl Workshop {
    /// The workshop for this purpose (`check`, `grade` …), made anew.
    pub(crate) fn open(repo: &Repo, purpose: &str) -> Result<Self> {
        let target = repo.target_directory()?;
        let place = target.join("exercises");
        fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
        let lock = Lock::exclusive(&place.join(format!("{purpose}.lock")))?;
        let directory = place.join(purpose);
        if directory.exists() {
            fs::remove_dir_all(&directory)
                .with_context(|| format!("cannot empty {}", directory.display()))?;
        }
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self {
            repository: repo.root.clone(),
            target,
            directory,
            _lock: lock,
        })
    }

    /// Keeps a source that exists in memory only.
    pub(crate) fn store(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(format!("{name}.rs"));
        write(&path, text)?;
        Ok(path)
    }

    /// Where sources and packages are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Makes the packages, and returns the command that builds them.
    pub(crate) fn command(&self, repo: &Repo, works: &[Work<'_>]) -> Result<Command> {
        let mut members = String::new();
        for work in works {
            let directory = self.directory.join(&work.name);
            fs::create_dir_all(&directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
            write(&directory.join("Cargo.toml"), &self.manifest(work))?;
            write(&directory.join("main.rs"), &main(work))?;
            // A copy, since the place it comes from may not be seen where this is built.
            write(
                &directory.join("check.rs"),
                &read(&work.exercise.directory.join(CHECK))?,
            )?;
            let _ = write!(members, "{:?}, ", work.name);
        }
        let workspace =
            format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n{PROFILE}");
        write(&self.directory.join("Cargo.toml"), &workspace)?;
        // The versions that the repository has been tested with, and that are there already.
        let lock = self.repository.join("Cargo.lock");
        fs::copy(&lock, self.directory.join("Cargo.lock"))
            .with_context(|| format!("cannot copy {}", lock.display()))?;
        // From the repository's directory, so that its `.cargo/config.toml` applies: the programs must be static.
        let mut cargo = repo.cargo()?;
        cargo
            .args([
                "build",
                "--offline",
                "--keep-going",
                "--quiet",
                "--message-format=json",
                "--manifest-path",
            ])
            .arg(self.directory.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target);
        Ok(cargo)
    }

    /// Builds all of them. A work that does not compile is no error.
    pub(crate) fn build(&self, repo: &Repo, works: &[Work<'_>]) -> Result<Vec<Built>> {
        let output = self
            .command(repo, works)?
            .stdin(Stdio::null())
            .output()
            .context("cannot run cargo")?;
        self.read(works, &output.stdout, &output.stderr)
    }

    /// Removes what was built of these works: ten megabytes each, which nobody asks for again.
    pub(crate) fn discard(&self, works: &[Work<'_>], built: &[Built]) -> Result<()> {
        let programs = built.iter().filter_map(|built| match built {
            Built::Program(program) => Some(program.as_path()),
            Built::Broken(_) => None,
        });
        let names: Vec<String> = works.iter().map(|work| crate_name(&work.name)).collect();
        let Some(place) = programs.filter_map(Path::parent).next() else {
            return Ok(());
        };
        for folder in ["", "deps", "incremental"] {
            for path in entries(&place.join(folder))? {
                let file = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .replace('-', "_");
                let file = file.strip_prefix("lib").unwrap_or(&file);
                if names
                    .iter()
                    .any(|name| file == name || file.starts_with(&format!("{name}_")))
                {
                    let _ = if path.is_dir() {
                        fs::remove_dir_all(&path)
                    } else {
                        fs::remove_file(&path)
                    };
                }
            }
        }
        Ok(())
    }

    /// What cargo's messages say of each work.
    pub(crate) fn read(
        &self,
        works: &[Work<'_>],
        json: &[u8],
        errors: &[u8],
    ) -> Result<Vec<Built>> {
        let mut built: BTreeMap<&str, Built> = BTreeMap::new();
        let names: BTreeMap<&str, &str> = works
            .iter()
            .map(|work| (work.name.as_str(), work.name.as_str()))
            .collect();
        let json = String::from_utf8_lossy(json);
        for message in json
            .lines()
            .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        {
            let Some(name) = self
                .work_of(&message)
                .and_then(|name| names.get(name.as_str()).copied())
            else {
                // A dependency that does not compile is an error of ours, and shown below.
                continue;
            };
            match (message.reason.as_str(), message.executable, message.message) {
                ("compiler-artifact", Some(program), _) => {
                    built.insert(name, Built::Program(program));
                }
                ("compiler-message", _, Some(diagnostic)) if diagnostic.level == "error" => {
                    let text = diagnostic.rendered.unwrap_or_default();
                    match built
                        .entry(name)
                        .or_insert_with(|| Built::Broken(String::new()))
                    {
                        Built::Broken(texts) => texts.push_str(&text),
                        Built::Program(_) => {}
                    }
                }
                _ => {}
            }
        }
        works
            .iter()
            .map(|work| {
                let built = built.remove(work.name.as_str());
                built.with_context(|| {
                    let errors = String::from_utf8_lossy(errors);
                    let hint = "`cargo lab up` fetches what is needed";
                    format!(
                        "cargo could not build {} ({hint}):\n{}",
                        work.name,
                        errors.trim()
                    )
                })
            })
            .collect()
    }

    fn work_of(&self, message: &Message) -> Option<String> {
        let manifest = message.manifest_path.as_ref()?;
        let relative = manifest.strip_prefix(&self.directory).ok()?;
        Some(relative.parent()?.to_str()?.to_owned())
    }

    fn manifest(&self, work: &Work<'_>) -> String {
        format!(
            "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\nautobins = false\n\n\
             [lib]\nname = {:?}\npath = {:?}\ndoctest = false\n\n[[bin]]\nname = {:?}\npath = \"main.rs\"\n\n{}",
            work.name,
            crate_name(&work.name),
            work.source,
            work.name,
            dependencies(&self.repository, &work.exercise.about.step, true),
        )
    }
}

/// What every submission may use: the same crates for all, so that they are built once. A step's library is there from
/// its own exercises on.
///
/// `repository` may be relative to the package.
pub(crate) fn dependencies(repository: &Path, step: &str, with_checks: bool) -> String {
    let path = |folder: &str| repository.join(folder);
    let mut text = format!(
        "[dependencies]\nkit = {{ path = {:?} }}\n",
        path("shared/kit")
    );
    if with_checks {
        let _ = writeln!(text, "checks = {{ path = {:?} }}", path("shared/checks"));
    }
    // The step itself is what a learner builds, so only the steps before it are given.
    for (name, folder) in [
        ("namespaces", "steps/01-namespaces"),
        ("rootfs", "steps/02-rootfs"),
        ("cgroups", "steps/03-cgroups"),
        ("layers", "steps/04-layers"),
    ] {
        if name == step {
            break;
        }
        let _ = writeln!(text, "{name} = {{ path = {:?} }}", path(folder));
    }
    text + "libc = \"0.2\"\nnix = \"0.31\"\n"
}

/// As the repository's own.
pub(crate) const PROFILE: &str = "[profile.dev]\ndebug = \"line-tables-only\"\n";

/// The check, with the submission under the name that it has for every check.
fn main(work: &Work<'_>) -> String {
    format!(
        "extern crate {} as exercise;\nmod check;\n\nfn main() -> std::process::ExitCode {{\n    check::main()\n}}\n",
        crate_name(&work.name),
    )
}

impl Drop for Workshop {
    /// Solutions do not stay behind in the target directory.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn crate_name(name: &str) -> String {
    name.replace('-', "_")
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A [`Work::name`] from parts that may hold anything.
pub(crate) fn work_name(parts: &[&str]) -> Result<String> {
    let name: Vec<String> = parts
        .iter()
        .map(|part| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            part.chars()
                .map(|c| if fits(c) { c.to_ascii_lowercase() } else { '-' })
                .collect()
        })
        .collect();
    ensure!(!name.is_empty(), "a work needs a name");
    Ok(name.join("--"))
}

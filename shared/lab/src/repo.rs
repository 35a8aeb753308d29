//! The repository: where it is, which steps it has, and what cargo builds of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::privilege::in_path;
use crate::process;

/// The repository that we stand in.
#[derive(Debug)]
pub(crate) struct Repo {
    /// Its top directory, absolute.
    pub root: PathBuf,
}

/// One folder under `steps/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    /// The folder's name; its number gives the reader's order.
    pub folder: String,
    /// The name of its crate and its binary, which is what `cargo lab run` takes.
    pub name: String,
    /// One line about it, from its `Cargo.toml`.
    pub description: String,
}

/// A line of cargo's `--message-format=json`, as far as we read it.
#[derive(Deserialize)]
pub(crate) struct Artifact {
    pub reason: String,
    pub package_id: Option<String>,
    pub manifest_path: Option<PathBuf>,
    pub target: Option<Target>,
    pub profile: Option<Profile>,
    pub executable: Option<PathBuf>,
}

/// What of a package was built.
#[derive(Deserialize)]
pub(crate) struct Target {
    pub name: String,
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

/// How it was built.
#[derive(Deserialize)]
pub(crate) struct Profile {
    pub test: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    description: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

impl Repo {
    /// The repository around the current directory.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_dir().context("cannot tell the current directory")?;
        here.ancestors()
            .find(|directory| {
                directory.join("Cargo.toml").is_file() && directory.join("shared/lab").is_dir()
            })
            .map(|root| Self { root: root.to_owned() })
            .with_context(|| {
                format!(
                    "{} is not inside the Drydock repository: change into the directory that holds its README.md",
                    here.display()
                )
            })
    }

    /// The cargo that started us, or the one in `PATH`, in the top directory.
    pub(crate) fn cargo(&self) -> Result<Command> {
        let mut command = match std::env::var_os("CARGO") {
            Some(cargo) => Command::new(cargo),
            None if in_path("cargo") => Command::new("cargo"),
            None => bail!(
                "there is no cargo in PATH: install a stable Rust toolchain (https://rustup.rs)"
            ),
        };
        command.current_dir(&self.root);
        Ok(command)
    }

    /// The steps that have a binary, in the reader's order.
    pub(crate) fn steps(&self) -> Result<Vec<Step>> {
        Ok(steps_of(self.metadata()?, &self.root.join("steps")))
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_directory(&self) -> Result<PathBuf> {
        Ok(self.metadata()?.target_directory)
    }

    fn metadata(&self) -> Result<Metadata> {
        let json =
            process::output(
                self.cargo()?
                    .args(["metadata", "--no-deps", "--format-version=1"]),
            )?;
        serde_json::from_str(&json).context("cannot read what `cargo metadata` says")
    }

    /// Builds binaries in release, showing cargo's own progress, and says where they are.
    pub(crate) fn build_release(&self, packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
        let mut cargo = self.cargo()?;
        cargo.args(["build", "--release", "--bins", "--quiet"]);
        for package in packages {
            cargo.args(["--package", package]);
        }
        let built = artifacts(&mut cargo)?;
        Ok(built
            .into_iter()
            .filter_map(|artifact| Some((artifact.target?.name, artifact.executable?)))
            .collect())
    }
}

/// Runs a cargo command and returns what it built; the compiler's messages go to stderr as usual.
pub(crate) fn artifacts(cargo: &mut Command) -> Result<Vec<Artifact>> {
    let json = process::output(cargo.arg("--message-format=json-render-diagnostics"))?;
    Ok(json
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.reason == "compiler-artifact")
        .collect())
}

fn steps_of(metadata: Metadata, directory: &Path) -> Vec<Step> {
    let mut steps: Vec<_> = metadata
        .packages
        .into_iter()
        .filter(|package| {
            let named_so = |target: &Target| target.name == package.name;
            let binary = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
            package.targets.iter().filter(binary).any(named_so)
        })
        .filter_map(|package| {
            let folder = package
                .manifest_path
                .parent()?
                .strip_prefix(directory)
                .ok()?;
            Some(Step {
                folder: folder.to_str()?.to_owned(),
                name: package.name,
                description: package.description.unwrap_or_default(),
            })
        })
        .collect();
    steps.sort();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_what_the_folder_holds_in_the_readers_order() {
        let metadata = r#"{"packages": [
            {"name": "rootfs", "description": "A root", "manifest_path": "/r/steps/02-rootfs/Cargo.toml",
             "targets": [{"name": "rootfs", "kind": ["bin"], "src_path": "/r/steps/02-rootfs/src/main.rs"}]},
            {"name": "namespaces", "description": null, "manifest_path": "/r/steps/01-namespaces/Cargo.toml",
             "targets": [{"name": "namespaces", "kind": ["bin"], "src_path": "/x"}]},
            {"name": "half", "description": null, "manifest_path": "/r/steps/09-half/Cargo.toml",
             "targets": [{"name": "half", "kind": ["lib"], "src_path": "/x"}]},
            {"name": "lab", "description": null, "manifest_path": "/r/shared/lab/Cargo.toml",
             "targets": [{"name": "lab", "kind": ["bin"], "src_path": "/x"}]}
        ], "target_directory": "/r/target"}"#;
        let steps = steps_of(
            serde_json::from_str(metadata).unwrap(),
            Path::new("/r/steps"),
        );
        let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["namespaces", "rootfs"]);
        assert_eq!(steps[1].description, "A root");
    }
}

//! Test programs: built by the user through cargo, run as root, their results read from what they print.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::privilege::Privilege;
use crate::process;
use crate::repo::{Artifact, Repo, artifacts};
use crate::report::Reader;
use crate::ui::say;

/// A program that cargo built from tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestProgram {
    /// Its package's name.
    pub package: String,
    /// Its source, relative to the package: `src/lib.rs`, `tests/race.rs`.
    pub source: String,
    /// The file to run.
    pub executable: PathBuf,
    /// The package's directory, which is where cargo starts its tests.
    pub directory: PathBuf,
}

impl TestProgram {
    /// What stands before its results: cargo's own word, and the same wherever the program runs.
    pub(crate) fn heading(&self) -> String {
        format!("     Running {} {}", self.package, self.source)
    }
}

/// Builds the tests of the whole workspace without running them, and the programs and examples that they run.
pub(crate) fn build(repo: &Repo) -> Result<Vec<TestProgram>> {
    process::run(
        repo.cargo()?
            .args(["build", "--workspace", "--bins", "--examples", "--quiet"]),
    )?;
    let mut cargo = repo.cargo()?;
    cargo.args(["test", "--workspace", "--no-run", "--quiet"]);
    programs(artifacts(&mut cargo)?)
}

fn programs(artifacts: Vec<Artifact>) -> Result<Vec<TestProgram>> {
    let mut programs: Vec<_> = artifacts.into_iter().filter_map(program).collect();
    programs.sort_by(|a, b| (&a.directory, &a.source).cmp(&(&b.directory, &b.source)));
    anyhow::ensure!(!programs.is_empty(), "cargo has built no tests");
    Ok(programs)
}

fn program(artifact: Artifact) -> Option<TestProgram> {
    if !artifact.profile?.test {
        return None;
    }
    let directory = artifact.manifest_path?.parent()?.to_owned();
    let source = artifact.target?.src_path;
    Some(TestProgram {
        package: package_name(&artifact.package_id?)?.to_owned(),
        source: source
            .strip_prefix(&directory)
            .unwrap_or(&source)
            .display()
            .to_string(),
        executable: artifact.executable?,
        directory,
    })
}

/// The name in `path+file:///r/steps/01-namespaces#namespaces@0.1.0` or `path+file:///r/shared/kit#0.1.0`
/// (`cargo help pkgid`).
fn package_name(id: &str) -> Option<&str> {
    let (url, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

/// Runs the programs one after the other as root, showing their output, and adds their results to `reader`.
/// Returns whether every one of them ended well.
pub(crate) fn run(
    programs: &[TestProgram],
    privilege: Privilege,
    variables: &[(&str, &OsStr)],
    filters: &[String],
    reader: &mut Reader,
) -> Result<bool> {
    let mut well = true;
    for program in programs {
        let mut variables = variables.to_vec();
        variables.push(("CARGO_MANIFEST_DIR", program.directory.as_os_str()));
        let heading = program.heading();
        say!("{heading}");
        reader.line(&heading);
        let mut command = privilege.command_with(&program.executable, &variables);
        command.args(filters).current_dir(&program.directory);
        let status = process::lines(&mut command, |line| {
            say!("{line}");
            reader.line(line);
        })
        .with_context(|| format!("while running {}", name(&program.executable)))?;
        well &= status.success();
    }
    Ok(well)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The programs and examples in a cargo profile's directory, by their own names.
pub(crate) fn programs_of(profile: &Path) -> Result<Vec<PathBuf>> {
    let mut programs = Vec::new();
    for folder in [profile.to_owned(), profile.join("examples")] {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let is_executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
            if is_executable && is_plain(&entry.file_name().to_string_lossy()) {
                programs.push(entry.path());
            }
        }
    }
    programs.sort_unstable();
    Ok(programs)
}

/// Not one of cargo's own further files, which are what an example was made from (`naive.d`) and its second name, ending
/// in 16 hex digits; nor one of the hundred that the exercises leave (`handshake--solution`).
fn is_plain(name: &str) -> bool {
    let hash = name.rsplit_once('-').map_or("", |(_, hash)| hash);
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    !(is_hash || name.contains('.') || name.contains("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_taken_once() {
        for (name, plain) in [
            ("namespaces", true),
            ("rootfs-naive", true),
            ("a-plain-name", true),
            ("naive-0123456789abcdef", false),
            ("naive.d", false),
            ("libderive.so", false),
            ("handshake--mutant-no-wait", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }

    #[test]
    fn a_package_is_named_by_its_id_or_by_its_folder() {
        let name = |id| package_name(id).unwrap();
        assert_eq!(
            name("path+file:///r/steps/01-namespaces#namespaces@0.1.0"),
            "namespaces"
        );
        assert_eq!(name("path+file:///r/shared/kit#0.1.0"), "kit");
    }

    #[test]
    fn only_what_was_built_as_a_test_is_one() {
        let line = |test| {
            format!(
                r#"{{"reason": "compiler-artifact", "package_id": "path+file:///r/shared/kit#0.1.0",
                   "manifest_path": "/r/shared/kit/Cargo.toml", "profile": {{"test": {test}}},
                   "target": {{"name": "kit", "kind": ["lib"], "src_path": "/r/shared/kit/src/lib.rs"}},
                   "executable": "/t/kit-1"}}"#
            )
        };
        let parse = |test| program(serde_json::from_str(&line(test)).unwrap());
        assert_eq!(parse(false), None);
        let kit = parse(true).unwrap();
        assert_eq!(kit.heading(), "     Running kit src/lib.rs");
        assert_eq!(kit.directory, Path::new("/r/shared/kit"));
    }
}

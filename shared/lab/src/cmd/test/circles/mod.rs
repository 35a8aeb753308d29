//! Files of a crate that import each other round in a circle: none of them can be read before the others. Only names
//! count, and not methods: who has a value of a type has no import of the file that gives it a method.

mod graph;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::graph::{Sources, circles};
use super::{Run, Verdict};
use crate::ui::say;

/// The crates that have none, and stay so.
const CHECKED: &[&str] = &["namespaces", "rootfs", "cgroups", "layers", "images"];

impl Run<'_> {
    pub(super) fn circles(&mut self) -> Result<()> {
        let sentence = format!("files that import each other, in {}", CHECKED.join(", "));
        self.stage("circles", &sentence, |run| {
            let found = in_crates(&run.repo.root.join("steps"), CHECKED)?;
            for circle in &found {
                say!("{circle}");
            }
            let verdict = match found.len() {
                0 => Verdict::Passed,
                count => Verdict::Failed(format!("{count} circles of files")),
            };
            Ok(verdict.into())
        })
    }
}

/// The circles in the steps of these names.
fn in_crates(steps: &Path, names: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names {
        let mut sources = Sources::new();
        let directory = source_of(steps, name)?;
        read(&directory, "", &mut sources)?;
        let circles = circles(&sources).with_context(|| format!("cannot check {name}"))?;
        found.extend(circles.iter().map(|circle| format!("{name}: {circle}")));
    }
    Ok(found)
}

/// Where the sources of a step are, whatever its number is.
fn source_of(steps: &Path, name: &str) -> Result<PathBuf> {
    let suffix = format!("-{name}");
    for entry in fs::read_dir(steps).with_context(|| format!("cannot read {}", steps.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(&suffix) {
            return Ok(path.join("src"));
        }
    }
    bail!("there is no step {name} in {}", steps.display())
}

/// Reads the sources in `directory`, which is called `prefix`, and below it.
fn read(directory: &Path, prefix: &str, sources: &mut Sources) -> Result<()> {
    let failed = || format!("cannot read {}", directory.display());
    for entry in fs::read_dir(directory).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            read(&path, &format!("{name}/"), sources)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            sources.insert(name, text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_found_by_its_name_and_read_with_its_folders() {
        let steps = tempfile::tempdir().unwrap();
        let source = steps.path().join("07-round/src");
        fs::create_dir_all(source.join("inner")).unwrap();
        fs::write(source.join("lib.rs"), "mod inner; mod other;").unwrap();
        fs::write(
            source.join("inner/mod.rs"),
            "use crate::other::B; pub struct A;",
        )
        .unwrap();
        fs::write(
            source.join("other.rs"),
            "use crate::inner::A; pub struct B;",
        )
        .unwrap();
        assert_eq!(
            in_crates(steps.path(), &["round"]).unwrap(),
            ["round: inner/mod.rs → other.rs → inner/mod.rs (B of other.rs; A of inner/mod.rs)"]
        );
        assert!(in_crates(steps.path(), &["square"]).is_err());
    }
}

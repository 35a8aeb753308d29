//! What the VM leaves to the host, and why: `tests/vm/host-only`.
//!
//! A line is `PACKAGE SOURCE WHY`, for a whole test program, or `PACKAGE SOURCE::TEST WHY` for one test of it.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::suite::TestProgram;

/// A test program that runs in the VM.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    pub program: TestProgram,
    /// Its tests that do not.
    pub skip: Vec<String>,
}

/// A line of the list.
struct Line<'a> {
    package: &'a str,
    source: &'a str,
    test: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let (Some(package), Some(place), Some(_why)) = (words.next(), words.next(), words.next())
        else {
            bail!("not a package, a source and a reason: {line}");
        };
        let (source, test) = match place.split_once("::") {
            Some((source, test)) => (source, Some(test)),
            None => (place, None),
        };
        Ok(Self {
            package,
            source,
            test,
        })
    }

    fn is_of(&self, program: &TestProgram) -> bool {
        program.package == self.package && program.source == self.source
    }
}

/// Divides the programs into those that run inside, and those that do not. `tests_of` tells the names of a program's
/// tests.
///
/// # Errors
/// If a line fits nothing, so that the list does not outlive what it names.
pub(crate) fn divide(
    programs: Vec<TestProgram>,
    list: &str,
    tests_of: impl Fn(&TestProgram) -> Result<Vec<String>>,
) -> Result<(Vec<Inside>, Vec<TestProgram>)> {
    let lines: Vec<_> = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Line::parse)
        .collect::<Result<_>>()?;
    for line in &lines {
        let program = programs.iter().find(|program| line.is_of(program));
        let program = program
            .with_context(|| format!("no test program: {} {}", line.package, line.source))?;
        if let Some(test) = line.test {
            is_one(test, &tests_of(program)?)?;
        }
    }
    let is_outside = |program: &TestProgram| {
        lines
            .iter()
            .any(|line| line.test.is_none() && line.is_of(program))
    };
    let (outside, inside): (Vec<_>, Vec<_>) = programs.into_iter().partition(is_outside);
    let inside = inside
        .into_iter()
        .map(|program| Inside {
            skip: lines
                .iter()
                .filter(|line| line.is_of(&program))
                .filter_map(|line| line.test.map(str::to_owned))
                .collect(),
            program,
        })
        .collect();
    Ok((inside, outside))
}

/// `--skip` leaves out each test whose name contains the word: it has to be the one that is meant.
fn is_one(test: &str, tests: &[String]) -> Result<()> {
    let meant: Vec<_> = tests.iter().filter(|name| name.contains(test)).collect();
    ensure!(
        meant == [test],
        "{test} has to be the name of one test, and part of no other: {meant:?}"
    );
    Ok(())
}

/// What a test program lists (`cargo test -- --list`).
pub(crate) fn tests_of(program: &TestProgram) -> Result<Vec<String>> {
    let list =
        process::output(Command::new(&program.executable).args(["--list", "--format", "terse"]))?;
    Ok(list
        .lines()
        .filter_map(|line| line.strip_suffix(": test").map(str::to_owned))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, source: &str) -> TestProgram {
        TestProgram {
            package: package.to_owned(),
            source: source.to_owned(),
            executable: "/t/x".into(),
            directory: "/r".into(),
        }
    }

    fn divided(list: &str) -> Result<(Vec<Inside>, Vec<TestProgram>)> {
        let programs = vec![
            program("kit", "src/lib.rs"),
            program("layers", "tests/kernel/main.rs"),
            program("harness", "tests/machines.rs"),
        ];
        divide(programs, list, |_| {
            Ok(["long", "longer", "million"].map(str::to_owned).to_vec())
        })
    }

    #[test]
    fn programs_and_tests_stay_outside() {
        let list = "# why\n\nharness tests/machines.rs  needs Vagrant\n\
                    layers tests/kernel/main.rs::million  writes a million files\n";
        let (inside, outside) = divided(list).unwrap();
        assert_eq!(outside, [program("harness", "tests/machines.rs")]);
        assert_eq!(
            inside,
            [
                Inside {
                    program: program("kit", "src/lib.rs"),
                    skip: Vec::new()
                },
                Inside {
                    program: program("layers", "tests/kernel/main.rs"),
                    skip: vec!["million".to_owned()]
                },
            ]
        );
    }

    #[test]
    fn a_line_that_fits_nothing_or_too_much_is_refused() {
        for wrong in [
            "harness tests/gone.rs it has gone\n",
            "harness tests/machines.rs\n",
            "layers tests/kernel/main.rs::gone it has gone\n",
            "layers tests/kernel/main.rs::long so is longer\n",
        ] {
            assert!(divided(wrong).is_err(), "{wrong}");
        }
    }
}

//! Which tests run in the VM.
//!
//! Without more said, those that can come out otherwise there: what a suite runs when `DRYDOCK_ONLY` names the VM, that
//! is, tests that say `also_in_vm` or need something of which the VM has another kind. libtest's programs cannot say
//! so; those that are meant stand in `tests/vm/also`. With everything asked for, all run but what `tests/vm/host-only`
//! names.
//!
//! A line of either list is `PACKAGE SOURCE WHY`, for a whole test program; in `host-only` also `PACKAGE SOURCE::TEST
//! WHY` for one test of it.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::suite::TestProgram;

/// A test program, and what of it runs in one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    pub program: TestProgram,
    /// Its tests that never run inside.
    pub skip: Vec<String>,
    /// Those that do run in this boot.
    pub tests: BTreeSet<String>,
}

/// A line of a list.
#[derive(Debug)]
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

fn lines(list: &str) -> Result<Vec<Line<'_>>> {
    list.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Line::parse)
        .collect()
}

/// The programs that can run inside, each with all its tests that can, and those that cannot. `tests_of` tells the names
/// of a program's tests under a value of `DRYDOCK_ONLY`.
///
/// # Errors
/// If a line fits nothing, so that the list does not outlive what it names.
pub(crate) fn divide(
    programs: Vec<TestProgram>,
    host_only: &str,
    tests_of: impl Fn(&TestProgram, &str) -> Result<Vec<String>>,
) -> Result<(Vec<Inside>, Vec<TestProgram>)> {
    let lines = lines(host_only)?;
    all_fit(&lines, &programs)?;
    let is_outside = |program: &TestProgram| {
        lines
            .iter()
            .any(|line| line.test.is_none() && line.is_of(program))
    };
    let (outside, inside): (Vec<_>, Vec<_>) = programs.into_iter().partition(is_outside);
    let inside = inside
        .into_iter()
        .map(|program| {
            let mut tests: BTreeSet<_> = tests_of(&program, "")?.into_iter().collect();
            let mut skip = Vec::new();
            for line in lines.iter().filter(|line| line.is_of(&program)) {
                let test = line.test.context("a whole program is outside")?;
                // `--skip` leaves out each test whose name contains the word: it has to be the one that is meant.
                let meant: Vec<_> = tests.iter().filter(|name| name.contains(test)).collect();
                ensure!(
                    meant == [test],
                    "{test} has to be the name of one test, and part of no other: {meant:?}"
                );
                tests.remove(test);
                skip.push(test.to_owned());
            }
            Ok(Inside {
                program,
                skip,
                tests,
            })
        })
        .collect::<Result<_>>()?;
    Ok((inside, outside))
}

/// What of `inside` runs in a boot that is for the keys in `only`. Of libtest's programs, those in the list `also`.
///
/// # Errors
/// If a line of `also` fits no program, or one that is not libtest's.
pub(crate) fn select(
    inside: &[Inside],
    only: &str,
    also: &str,
    tests_of: impl Fn(&TestProgram, &str) -> Result<Vec<String>>,
) -> Result<Vec<Inside>> {
    let lines = lines(also)?;
    all_fit(&lines, inside.iter().map(|inside| &inside.program))?;
    let mut selected = Vec::new();
    for one in inside {
        let line = lines.iter().find(|line| line.is_of(&one.program));
        // libtest lists all of its tests whatever it is asked for.
        let is_ours = tests_of(&one.program, NOTHING)?.is_empty();
        ensure!(
            line.is_none() || !is_ours,
            "{}: its tests say themselves where they run (`also_in_vm`)",
            one.program.source
        );
        if !is_ours && line.is_none() {
            continue;
        }
        let wanted = tests_of(&one.program, only)?.into_iter();
        let tests: BTreeSet<_> = wanted.filter(|test| one.tests.contains(test)).collect();
        if !tests.is_empty() {
            selected.push(Inside {
                tests,
                ..one.clone()
            });
        }
    }
    Ok(selected)
}

/// A key that no test needs.
const NOTHING: &str = "nothing";

fn all_fit<'p>(
    lines: &[Line<'_>],
    programs: impl IntoIterator<Item = &'p TestProgram> + Clone,
) -> Result<()> {
    for line in lines {
        let mut programs = programs.clone().into_iter();
        ensure!(
            programs.any(|program| line.is_of(program)),
            "no test program: {} {}",
            line.package,
            line.source
        );
    }
    Ok(())
}

/// What a test program lists (`cargo test -- --list`) when `DRYDOCK_ONLY` is `only`.
pub(crate) fn tests_of(program: &TestProgram, only: &str) -> Result<Vec<String>> {
    let list = process::output(
        Command::new(&program.executable)
            .args(["--list", "--format", "terse"])
            .env("DRYDOCK_ONLY", only),
    )?;
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

    fn inside(package: &str, source: &str, skip: &[&str], tests: &[&str]) -> Inside {
        Inside {
            program: program(package, source),
            skip: skip.iter().map(|&test| test.to_owned()).collect(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
        }
    }

    /// Two of libtest's, and one of ours.
    fn listed(program: &TestProgram, only: &str) -> Result<Vec<String>> {
        let names: &[&str] = match (program.source.as_str(), only) {
            ("tests/kernel/main.rs", "") => &["long", "longer", "million"],
            ("tests/kernel/main.rs", "vm,swap") => &["longer", "million"],
            ("tests/kernel/main.rs", _) => &[],
            _ => &["unit"],
        };
        Ok(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn divided(list: &str) -> Result<(Vec<Inside>, Vec<TestProgram>)> {
        let programs = vec![
            program("kit", "src/lib.rs"),
            program("layers", "tests/kernel/main.rs"),
            program("harness", "tests/machines.rs"),
        ];
        divide(programs, list, listed)
    }

    const HOST_ONLY: &str = "# why\n\nharness tests/machines.rs  needs Vagrant\n\
                             layers tests/kernel/main.rs::million  writes a million files\n";

    #[test]
    fn programs_and_tests_stay_outside() {
        let (within, outside) = divided(HOST_ONLY).unwrap();
        assert_eq!(outside, [program("harness", "tests/machines.rs")]);
        assert_eq!(
            within,
            [
                inside("kit", "src/lib.rs", &[], &["unit"]),
                inside(
                    "layers",
                    "tests/kernel/main.rs",
                    &["million"],
                    &["long", "longer"]
                ),
            ]
        );
    }

    #[test]
    fn of_those_inside_a_boot_is_given_what_is_meant_for_it() {
        let (within, _) = divided(HOST_ONLY).unwrap();
        let selected = |only, also| select(&within, only, also, listed);
        let longer = inside("layers", "tests/kernel/main.rs", &["million"], &["longer"]);
        assert_eq!(
            selected("vm,swap", "").unwrap(),
            std::slice::from_ref(&longer)
        );
        assert_eq!(
            selected("vm,swap", "kit src/lib.rs as the kernel answers\n").unwrap(),
            [inside("kit", "src/lib.rs", &[], &["unit"]), longer]
        );
        assert_eq!(selected("swap", "").unwrap(), []);
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
        let (within, _) = divided(HOST_ONLY).unwrap();
        for wrong in [
            "kit src/gone.rs it has gone\n",
            "kit src/lib.rs\n",
            "layers tests/kernel/main.rs these can say so themselves\n",
        ] {
            assert!(select(&within, "vm", wrong, listed).is_err(), "{wrong}");
        }
    }
}

//! `cargo lab vm test`: every test program inside the VM, where everything is promised.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::payload::{Payload, quoted};
use super::plan::{Accelerator, Hierarchy, Machine};
use super::{Store, boot, machine};
use crate::repo::Repo;
use crate::report::{self, Outcome, Reader, Results};
use crate::suite::{self, TestProgram};
use crate::ui::{self, say, step};

/// Boots on v2 with all tests, then on v1 with those that need v1 and, but for `beside_v1`, those that need either.
/// Fails if a test failed, or ran on neither.
pub(crate) fn run(
    repo: &Repo,
    store: &Store,
    filters: &[String],
    limit: Duration,
    beside_v1: bool,
) -> Result<ExitCode> {
    let machine = machine(repo, store)?;
    step("build", "the test programs");
    let host_only = std::fs::read_to_string(repo.root.join("tests/vm/host-only"))
        .context("cannot read tests/vm/host-only")?;
    let (inside, outside) = divide(suite::build(repo)?, &host_only)?;
    for program in &outside {
        step(
            "vm",
            format_args!(
                "{} {} runs on the host only",
                program.package, program.source
            ),
        );
    }
    let payload = Payload::of_tests(repo, inside)?;
    let run = Run {
        repo,
        store,
        machine: &machine,
        payload: &payload,
        filters,
        limit,
        beside_v1,
    };
    let (v2, v2_well) = run.boot(Hierarchy::V2)?;
    let (v1, v1_well) = run.boot(Hierarchy::V1)?;
    let combined = report::combine([&v2, &v1]);
    let idle = report::list(&combined, |outcome| matches!(outcome, Outcome::Ignored(_)));
    for test in &idle {
        say!("ran on neither hierarchy: {test}");
    }
    Ok(if v2_well && v1_well && idle.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Run<'a> {
    repo: &'a Repo,
    store: &'a Store,
    machine: &'a Machine,
    payload: &'a Payload,
    filters: &'a [String],
    limit: Duration,
    beside_v1: bool,
}

impl Run<'_> {
    /// One boot: its results, and whether all is well with them. What is ignored is judged over both boots.
    fn boot(&self, hierarchy: Hierarchy) -> Result<(Results, bool)> {
        step("vm", format_args!("booting with cgroup {hierarchy}"));
        let disk = self.payload.disk(self.store, &self.job(hierarchy))?;
        let start = Instant::now();
        let mut reader = Reader::default();
        let end = boot::batch(
            self.store,
            self.machine,
            hierarchy,
            &disk,
            self.limit,
            |line| {
                say!("{line}");
                reader.line(line);
            },
        );
        reader.end();
        for contradiction in &reader.contradictions {
            say!("not to be believed: {contradiction}");
        }
        let counts = report::count(&reader.results);
        step(
            "vm",
            format_args!(
                "cgroup {hierarchy}: {} passed, {} failed, {} ignored, {}",
                counts.passed,
                counts.failed,
                counts.ignored,
                ui::duration(start.elapsed())
            ),
        );
        let well = end? == 0 && counts.failed == 0 && reader.contradictions.is_empty();
        Ok((reader.results, well))
    }

    /// In the words of `harness`: all is promised but what the other boot is for, and a network, which the guest has not.
    fn job(&self, hierarchy: Hierarchy) -> String {
        let steering = match hierarchy {
            Hierarchy::V2 => "export DRYDOCK_PROMISES=all,-cgroup1,-mirror",
            // And what a host may lack.
            Hierarchy::V1 if self.beside_v1 => {
                "export DRYDOCK_PROMISES=all,-cgroup2,-mirror DRYDOCK_ONLY=cgroup1,swap,hugepages"
            }
            Hierarchy::V1 => {
                "export DRYDOCK_PROMISES=all,-cgroup2,-mirror DRYDOCK_ONLY=cgroup1,controllers"
            }
        };
        // Translated instructions take ten times as long as the processor's own.
        let patience = match self.machine.accelerator {
            Accelerator::Kvm => 1,
            Accelerator::Tcg => 10,
        };
        let filters: Vec<_> = self.filters.iter().map(quoted).collect();
        format!(
            "{steering}\nexport DRYDOCK_PATIENCE={patience}\nexport INSTA_UPDATE=no INSTA_WORKSPACE_ROOT={}\nexec sh /lab/run-tests {}\n",
            quoted(&self.repo.root),
            filters.join(" ")
        )
    }
}

/// Divides the programs by the list of those for the host: "PACKAGE SOURCE  why". A line that fits none is an error,
/// so that the list does not outlive what it names.
fn divide(
    programs: Vec<TestProgram>,
    host_only: &str,
) -> Result<(Vec<TestProgram>, Vec<TestProgram>)> {
    let mut names = Vec::new();
    for line in host_only
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut words = line.split_whitespace();
        let (Some(package), Some(source), Some(_why)) = (words.next(), words.next(), words.next())
        else {
            anyhow::bail!("tests/vm/host-only: not a package, a source and a reason: {line}");
        };
        let named = |program: &TestProgram| program.package == package && program.source == source;
        anyhow::ensure!(
            programs.iter().any(named),
            "tests/vm/host-only names {package} {source}, which is no test program"
        );
        names.push((package, source));
    }
    let is_inside = |program: &TestProgram| {
        !names.contains(&(program.package.as_str(), program.source.as_str()))
    };
    Ok(programs.into_iter().partition(is_inside))
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

    #[test]
    fn what_is_for_the_host_is_named_with_a_reason() {
        let programs = || {
            vec![
                program("kit", "src/lib.rs"),
                program("harness", "tests/machines.rs"),
            ]
        };
        let list = "# why\n\nharness tests/machines.rs  needs Vagrant\n";
        let (inside, outside) = divide(programs(), list).unwrap();
        assert_eq!(inside, [program("kit", "src/lib.rs")]);
        assert_eq!(outside, [program("harness", "tests/machines.rs")]);
        for wrong in [
            "harness tests/gone.rs it has gone\n",
            "harness tests/machines.rs\n",
        ] {
            assert!(divide(programs(), wrong).is_err(), "{wrong}");
        }
    }
}

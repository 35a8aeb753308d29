//! `cargo lab vm test`: every test program inside the VM, where everything is promised.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::host_only::{self, Inside};
use super::payload::{Payload, quoted};
use super::plan::{Accelerator, Hierarchy, Machine};
use super::{Store, boot, machine};
use crate::repo::Repo;
use crate::report::{self, Outcome, Reader, Results};
use crate::suite;
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
    let (inside, outside) = host_only::divide(suite::build(repo)?, &host_only, host_only::tests_of)
        .context("tests/vm/host-only")?;
    for program in &outside {
        step(
            "vm",
            format_args!(
                "{} {} runs on the host only",
                program.package, program.source
            ),
        );
    }
    for Inside { program, skip } in inside.iter().filter(|inside| !inside.skip.is_empty()) {
        step(
            "vm",
            format_args!(
                "{} {}: on the host only: {}",
                program.package,
                program.source,
                skip.join(", ")
            ),
        );
    }
    let headings = inside.iter().map(|inside| inside.program.heading());
    let headings = headings.collect();
    let payload = Payload::of_tests(repo, inside)?;
    let run = Run {
        repo,
        store,
        machine: &machine,
        payload: &payload,
        headings,
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
    /// The lines with which the test programs begin.
    headings: Vec<String>,
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
        let mut reader = Reader::new(self.headings.iter().cloned());
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

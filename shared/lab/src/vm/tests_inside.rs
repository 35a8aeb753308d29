//! `cargo lab vm test`: test programs inside the VM, where everything is promised.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::payload::{Payload, quoted};
use super::plan::{Accelerator, Hierarchy, Machine};
use super::select::{self, Inside};
use super::{Store, boot, machine};
use crate::repo::Repo;
use crate::report::{self, Outcome, Reader, Results};
use crate::suite::{self, TestProgram};
use crate::ui::{self, say, step};

/// What is asked for.
pub(crate) struct Wanted {
    /// If there are any, all tests whose names contain one of them, and no others.
    pub filters: Vec<String>,
    /// All tests, and all cases of each.
    pub everything: bool,
    /// How long a boot may take.
    pub limit: Duration,
    /// The host runs what either version of cgroups will do on v1.
    pub beside_v1: bool,
}

/// Where else a test can come out otherwise: the keys of what runs on v2 (`harness::Need::key`, and `vm`).
const OTHERWISE: &str = "vm,cgroup2,swap,hugepages";
/// What is left for v1 when v2 has been there, and when the host has v1.
const FOR_V1: &str = "cgroup1,controllers";
const BESIDE_V1: &str = "cgroup1,swap,hugepages";

/// Boots on v2, then on v1 with those that need v1 and, but for `beside_v1`, those that need either. Fails if a test
/// failed, or ran on neither.
pub(crate) fn run(repo: &Repo, store: &Store, wanted: &Wanted) -> Result<ExitCode> {
    let machine = machine(repo, store)?;
    step("build", "the test programs");
    let read = |name: &str| {
        std::fs::read_to_string(repo.root.join("tests/vm").join(name))
            .with_context(|| format!("cannot read tests/vm/{name}"))
    };
    let programs = suite::build(repo)?;
    let (inside, outside) = select::divide(programs, &read("host-only")?, select::tests_of)
        .context("tests/vm/host-only")?;
    let also = read("also")?;
    let for_boot = |only: &str| {
        select::select(&inside, only, &also, select::tests_of).context("tests/vm/also")
    };
    let (v1_keys, is_whole) = (
        if wanted.beside_v1 { BESIDE_V1 } else { FOR_V1 },
        wanted.everything || !wanted.filters.is_empty(),
    );
    let (on_v2, v2_keys) = match is_whole {
        true => (inside.clone(), ""),
        false => (for_boot(OTHERWISE)?, OTHERWISE),
    };
    let on_v1 = select::select(&inside, v1_keys, "", select::tests_of)?;
    every_step_is_in(repo, &on_v2)?;
    tell(&inside, &outside, [&on_v2, &on_v1]);
    let payload = Payload::of_tests(repo, &[on_v2.as_slice(), &on_v1].concat())?;
    let run = Run {
        repo,
        store,
        machine: &machine,
        payload: &payload,
        wanted,
    };
    let (v2, v2_well) = run.boot(Hierarchy::V2, v2_keys, &on_v2)?;
    let (v1, v1_well) = run.boot(Hierarchy::V1, v1_keys, &on_v1)?;
    let combined = report::combine([&v2, &v1]);
    let idle = report::list(&combined, Outcome::is_idle);
    for test in &idle {
        say!("ran on neither hierarchy: {test}");
    }
    Ok(if v2_well && v1_well && idle.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A step of which nothing runs here has never been seen on another kernel.
fn every_step_is_in(repo: &Repo, selected: &[Inside]) -> Result<()> {
    for step in repo.steps()? {
        let is_its = |inside: &Inside| inside.program.package == step.name;
        if !selected.iter().any(is_its) {
            bail!(
                "no test of {} runs in the VM: choose one that shows whether the step works at all, and make it \
                 `also_in_vm`",
                step.name
            );
        }
    }
    Ok(())
}

/// What is left to the host, for good or until everything is asked for.
fn tell(inside: &[Inside], outside: &[TestProgram], boots: [&[Inside]; 2]) {
    for program in outside {
        step(
            "vm",
            format_args!(
                "{} {} runs on the host only",
                program.package, program.source
            ),
        );
    }
    for Inside { program, skip, .. } in inside.iter().filter(|inside| !inside.skip.is_empty()) {
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
    let names = |programs: &[Inside]| -> BTreeSet<(String, String)> {
        let of_one = |inside: &Inside| {
            let heading = inside.program.heading();
            let tests = inside.tests.clone().into_iter();
            tests
                .map(move |test| (heading.clone(), test))
                .collect::<Vec<_>>()
        };
        programs.iter().flat_map(of_one).collect()
    };
    let run: BTreeSet<_> = boots.into_iter().flat_map(names).collect();
    let left = names(inside).difference(&run).count();
    say!("{}{left}", report::LEFT);
}

struct Run<'a> {
    repo: &'a Repo,
    store: &'a Store,
    machine: &'a Machine,
    payload: &'a Payload,
    wanted: &'a Wanted,
}

impl Run<'_> {
    /// One boot with these programs: its results, and whether all is well with them. What is ignored is judged over
    /// both boots.
    fn boot(
        &self,
        hierarchy: Hierarchy,
        only: &str,
        programs: &[Inside],
    ) -> Result<(Results, bool)> {
        let count: usize = programs.iter().map(|inside| inside.tests.len()).sum();
        step(
            "vm",
            format_args!("booting with cgroup {hierarchy}, for {count} tests"),
        );
        let disk = self
            .payload
            .disk(self.store, &self.job(hierarchy, only), programs)?;
        let start = Instant::now();
        let headings = programs.iter().map(|inside| inside.program.heading());
        let mut reader = Reader::new(headings);
        let end = boot::batch(
            self.store,
            self.machine,
            hierarchy,
            &disk,
            self.wanted.limit,
            |line| {
                say!("{line}");
                reader.line(line);
            },
        );
        reader.end();
        let seen = reader.results.len();
        if self.wanted.filters.is_empty() && seen != count {
            reader
                .contradictions
                .push(format!("of {count} tests, {seen} were seen"));
        }
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
    fn job(&self, hierarchy: Hierarchy, only: &str) -> String {
        let other = match hierarchy {
            Hierarchy::V2 => "cgroup1",
            Hierarchy::V1 => "cgroup2",
        };
        // Translated instructions take ten times as long as the processor's own.
        let patience = match self.machine.accelerator {
            Accelerator::Kvm => 1,
            Accelerator::Tcg => 10,
        };
        let mut variables = format!(
            "DRYDOCK_PROMISES=all,-{other},-mirror DRYDOCK_ONLY={only} \
             DRYDOCK_PATIENCE={patience} DRYDOCK_BUILT=1 INSTA_UPDATE=no INSTA_WORKSPACE_ROOT={}",
            quoted(&self.repo.root)
        );
        if let Some(seed) = std::env::var_os("DRYDOCK_SEED") {
            variables += &format!(" DRYDOCK_SEED={}", quoted(seed));
        }
        if self.wanted.everything {
            variables += " DRYDOCK_EVERYTHING=1";
        }
        let filters: Vec<_> = self.wanted.filters.iter().map(quoted).collect();
        format!(
            "export {variables}\nexec sh /lab/run-tests {}\n",
            filters.join(" ")
        )
    }
}

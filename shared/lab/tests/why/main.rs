//! Every rule of `lab why`, on a real kernel: a program that induces exactly that failure, and failures with the same
//! errno that have another cause, where the rule must not claim its own.
//!
//! This program is its own fixture: started with `WHY_FIXTURE`, it makes one call fail and does nothing else.

mod cgroups;
mod files;
mod limits;
mod mounts;
mod namespaces;
mod pivot;
mod questions;
mod users;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;

use crate::questions::{exit_codes, healthy, refusals, sysctl, table};
use harness::{Need, Run, bin, directory, test};
use nix::errno::Errno;
use serde_json::Value;

/// A failure to be induced.
struct Fixture {
    name: &'static str,
    needs: &'static [Need],
    /// The call that fails, and how.
    call: &'static str,
    errno: &'static str,
    /// The rules that claim it, all of them. None, for a failure whose cause no rule knows.
    rules: &'static [&'static str],
    /// Whether to run as this user.
    user: Option<u32>,
    /// Words in front of `lab`: what must be so around it.
    around: &'static [&'static str],
    /// Makes the call fail, in a process of its own, and returns how.
    induce: fn() -> Errno,
}

/// The usual: as root, nothing around.
const FIXTURE: Fixture = Fixture {
    name: "",
    needs: &[Need::Root],
    call: "",
    errno: "",
    rules: &[],
    user: None,
    around: &[],
    induce: || Errno::UnknownErrno,
};

/// Debian's nobody, who may not do anything.
const NOBODY: u32 = 65534;

fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    [
        namespaces::FIXTURES,
        users::FIXTURES,
        mounts::FIXTURES,
        pivot::FIXTURES,
        cgroups::FIXTURES,
        files::FIXTURES,
        limits::FIXTURES,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("WHY_FIXTURE") {
        return induce(&name);
    }
    let mut tests: Vec<_> = fixtures()
        // With which errno the kernel refuses what, it decides.
        .map(|fixture| test(fixture.name, fixture.needs, || explains(fixture)).also_in_vm())
        .collect();
    tests.push(test(
        "every_rule_has_a_fixture_that_induces_it",
        &[],
        every_rule,
    ));
    tests.push(test(
        "causes_that_are_not_there_are_not_claimed",
        &[Need::Root],
        healthy,
    ));
    tests.push(
        test(
            "debians_sysctl_is_named_exactly_where_it_forbids",
            &[Need::Root],
            sysctl,
        )
        .alone(),
    );
    tests.push(test("the_command_s_exit_code_is_ours", &[], exit_codes));
    tests.push(test(
        "questions_that_make_no_sense_are_refused",
        &[],
        refusals,
    ));
    tests.push(test("the_table_for_the_book_has_every_rule", &[], table));
    harness::run("lab why", tests)
}

fn induce(name: &str) -> ExitCode {
    let fixture = fixtures()
        .find(|fixture| fixture.name == name)
        .expect("a fixture of this name");
    let errno = (fixture.induce)();
    assert_eq!(
        format!("{errno:?}"),
        fixture.errno,
        "{name} induces another failure"
    );
    ExitCode::SUCCESS
}

fn explains(fixture: &Fixture) {
    // Some fixtures run as nobody.
    let place = directory().join("why");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o1777)).unwrap();
    let lab = bin("lab");
    let this = std::env::current_exe().unwrap();
    let command = [
        lab.to_str().unwrap(),
        "why",
        "--json",
        "--",
        this.to_str().unwrap(),
    ];
    let words: Vec<_> = fixture.around.iter().chain(&command).collect();
    let mut run = Run::new(words[0])
        .args(&words[1..])
        .env("WHY_FIXTURE", fixture.name)
        .env("WHY_DIRECTORY", &place);
    if let Some(user) = fixture.user {
        run = run.user(user);
    }
    let output = run.output().assert_code(0);
    let found: Value = serde_json::from_str(&output.out()).unwrap();
    let call = format!("{}(", fixture.call);
    let is_it = |one: &&Value| {
        one["errno"] == fixture.errno && one["call"].as_str().unwrap().starts_with(&call)
    };
    let last = found.as_array().unwrap().iter().rfind(is_it);
    let claimed: Vec<_> = match last {
        Some(one) => one["causes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cause| cause["rule"].as_str().unwrap())
            .collect(),
        None => Vec::new(),
    };
    assert_eq!(claimed, fixture.rules, "{found:#}");
}

/// A new directory, in the one that the test cleans up.
fn fresh() -> std::path::PathBuf {
    let base = std::env::var_os("WHY_DIRECTORY").expect("the test names a directory");
    tempfile::Builder::new()
        .tempdir_in(base)
        .expect("it can be written to")
        .keep()
}

fn rule_ids() -> Vec<String> {
    let output = Run::new(bin("lab"))
        .args(["why", "--rules", "--json"])
        .output()
        .assert_code(0);
    let rules: Value = serde_json::from_str(&output.out()).unwrap();
    rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap().to_owned())
        .collect()
}

fn every_rule() {
    let mut without = rule_ids();
    assert!(without.len() >= 30);
    without.retain(|id| !fixtures().any(|fixture| fixture.rules == [id.as_str()]));
    // It needs a sysctl that only Debian's kernels have; its own test is below.
    assert_eq!(without, ["user-namespaces-forbidden"]);
}

//! A suite of tests: which run, which are ignored and why, and what each of them left behind.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use clap::Parser;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::need::Need;
use crate::report::{self, Outcome};
use crate::{sample, scene};

/// One test: a name, what it needs, and a function that panics if it fails.
pub struct Test {
    name: String,
    needs: Vec<Need>,
    alone: bool,
    body: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Test")
            .field("name", &self.name)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

/// A test by the name of `name`, which is ignored, with the reason, where one of `needs` is missing.
pub fn test(name: impl Into<String>, needs: &[Need], body: impl FnOnce() + Send + 'static) -> Test {
    Test {
        name: name.into(),
        needs: needs.to_vec(),
        alone: false,
        body: Box::new(body),
    }
}

impl Test {
    /// Runs it while no other test of the suite runs: it measures, or changes what they all share.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    fn is_wanted(&self, only: &str) -> bool {
        only.is_empty()
            || self
                .needs
                .iter()
                .any(|need| only.split(',').any(|key| key.trim() == need.key()))
    }
}

/// Runs a suite with libtest's own command line (`cargo test NAME -- --list`), and returns what `main` should.
pub fn run(suite: &str, tests: Vec<Test>) -> ExitCode {
    // `nohup` and a shell's `&` start us with signals ignored, and so would be what the tests start. A write into a
    // pipe that nobody reads stays an error for the suite itself.
    kit::sys::process::reset_signals(&[libc::SIGPIPE]).expect("signals can be reset");
    let (arguments, filters) = CommandLine::parse().divide();
    let only = std::env::var("DRYDOCK_ONLY").unwrap_or_default();
    let trials = tests
        .into_iter()
        .filter(|test| test.is_wanted(&only))
        .filter(|test| passes(&test.name, &filters, arguments.exact))
        .map(|test| trial(suite.to_owned(), test))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(summary) = sample::summary() {
        #[expect(
            clippy::print_stdout,
            reason = "it stands below the results of the suite"
        )]
        {
            println!("{summary}\n");
        }
    }
    conclusion.exit_code()
}

/// libtest's command line takes any number of filters, libtest-mimic's one.
#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    own: Arguments,
    /// More filters.
    #[arg(hide = true)]
    more: Vec<String>,
}

impl CommandLine {
    /// Arguments that filter nothing, and the filters.
    fn divide(mut self) -> (Arguments, Vec<String>) {
        let filters = self.own.filter.take().into_iter().chain(self.more);
        (self.own, filters.collect())
    }
}

fn passes(name: &str, filters: &[String], exact: bool) -> bool {
    let is_meant = |filter: &String| match exact {
        true => name == filter,
        false => name.contains(filter.as_str()),
    };
    filters.is_empty() || filters.iter().any(is_meant)
}

/// Held for writing by a test that wants to be alone, for reading by each other.
static COMPANY: RwLock<()> = RwLock::new(());

fn trial(suite: String, test: Test) -> Trial {
    Trial::ignorable_test(test.name.clone(), move || {
        let name = test.name.clone();
        let alone = test
            .alone
            .then(|| COMPANY.write().unwrap_or_else(PoisonError::into_inner));
        let company = (!test.alone).then(|| COMPANY.read().unwrap_or_else(PoisonError::into_inner));
        let start = Instant::now();
        let promised = std::env::var("DRYDOCK_PROMISES").unwrap_or_default();
        let result = carry_out(test, &promised);
        drop((alone, company));
        let outcome = match &result {
            Ok(Completion::Completed) => Outcome::Passed,
            Ok(Completion::Ignored { reason }) => {
                Outcome::Ignored(reason.as_deref().unwrap_or_default())
            }
            Err(failed) => Outcome::Failed(failed.message().unwrap_or_default()),
        };
        report::write(&suite, &name, outcome, start.elapsed())
            .map_err(|error| format!("the report cannot be written: {error}"))?;
        result
    })
}

fn carry_out(test: Test, promised: &str) -> Result<Completion, Failed> {
    for need in &test.needs {
        match need.missing() {
            Some(reason) if need.is_in(promised) => {
                return Err(
                    format!("{reason}, which DRYDOCK_PROMISES promises ({})", need.key()).into(),
                );
            }
            Some(reason) => return Ok(Completion::ignored_with(reason)),
            None => {}
        }
    }
    // A body is run once and nothing of it is used again, so what a panic left half done is not seen.
    let result = catch_unwind(AssertUnwindSafe(test.body));
    let left = scene::end();
    let failure = match result {
        Err(panic) => Some(message(&*panic)),
        Ok(()) if !left.is_empty() => Some(format!(
            "the test left processes behind: {}",
            left.join(", ")
        )),
        Ok(()) => None,
    };
    let sampled = sample::end(&test.name);
    match (failure, sampled) {
        (None, _) => Ok(Completion::Completed),
        (Some(failure), None) => Err(failure.into()),
        (Some(failure), Some(sampled)) => Err(format!("{failure}\nThis was {sampled}.").into()),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_need_is_a_skip_with_its_reason() {
        let completion = carry_out(
            test("x", &[Need::Program("no-such-program")], || panic!("ran")),
            "root",
        );
        let Ok(Completion::Ignored {
            reason: Some(reason),
        }) = completion
        else {
            panic!("not ignored");
        };
        assert_eq!(reason, "needs the program no-such-program");
    }

    #[test]
    fn a_missing_need_that_was_promised_is_a_failure() {
        let missing = test("x", &[Need::Program("no-such-program")], || panic!("ran"));
        let failed = carry_out(missing, "programs").err().unwrap();
        assert!(failed.message().unwrap().contains("promises"), "{failed:?}");
    }

    #[test]
    fn a_panic_is_a_failure_with_its_text() {
        let failed = carry_out(test("x", &[], || panic!("on {}", "purpose")), "")
            .err()
            .unwrap();
        assert_eq!(failed.message(), Some("on purpose"));
    }

    #[test]
    fn a_process_left_behind_is_a_failure() {
        let failed = carry_out(
            test("x", &[], || {
                crate::Run::new("sh")
                    .args(["-c", "setsid sleep 100 </dev/null >/dev/null 2>&1 &"])
                    .output()
                    .assert_code(0);
            }),
            "",
        );
        let failed = failed.err().unwrap();
        assert!(failed.message().unwrap().contains("sleep"), "{failed:?}");
    }

    #[test]
    fn any_of_several_filters_is_enough() {
        let line = ["suite", "--exact", "one", "two"];
        let (arguments, filters) = CommandLine::parse_from(line).divide();
        assert!(arguments.exact && arguments.filter.is_none());
        assert_eq!(filters, ["one", "two"]);
        assert!(passes("two", &filters, true) && !passes("two more", &filters, true));
        assert!(passes("two more", &filters, false) && !passes("three", &filters, false));
        assert!(passes("three", &[], false));
    }

    #[test]
    fn only_leaves_out_what_needs_something_else() {
        let test = test("x", &[Need::Root, Need::CgroupV1], || {});
        assert!(test.is_wanted(""));
        assert!(test.is_wanted("swap,cgroup1"));
        assert!(!test.is_wanted("cgroup2"));
    }
}

//! A suite of tests: which run, which are ignored and why, and what each of them left behind.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use clap::Parser;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::need::Need;
use crate::report::{self, Outcome};
use crate::{binary, sample, scene};

/// One test: a name, what it needs, and a function that panics if it fails.
pub struct Test {
    name: String,
    needs: Vec<Need>,
    alone: bool,
    vm: bool,
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
        vm: false,
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

    /// Runs it in the VM as well whenever `cargo lab test` does, because it can come out otherwise there: the VM has
    /// another kernel, an older one as a rule, and cgroup v2. What needs v2, swap or huge pages runs there without this
    /// word.
    #[must_use]
    pub fn also_in_vm(mut self) -> Self {
        self.vm = true;
        self
    }

    /// `only` is a list of [`Need::key`]s, and of `vm` for what is [`also_in_vm`](Self::also_in_vm).
    fn is_wanted(&self, only: &str) -> bool {
        let has = |word: &str| only.split(',').any(|key| key.trim() == word);
        only.is_empty() || (self.vm && has("vm")) || self.needs.iter().any(|need| has(need.key()))
    }

    /// What stands in brackets before the name. nextest runs every test in a process of its own, and is told by it
    /// which ones must run alone (.config/nextest.toml).
    fn kind(&self) -> &'static str {
        if self.alone { "alone" } else { "" }
    }

    /// The name as it is listed.
    fn title(&self) -> String {
        match self.kind() {
            "" => self.name.clone(),
            kind => format!("[{kind}] {}", self.name),
        }
    }

    /// What keeps it from running on a machine of which this is promised.
    fn obstacle(&self, promised: &str) -> Option<Obstacle> {
        let (need, reason) = self
            .needs
            .iter()
            .find_map(|need| Some((need, need.missing()?)))?;
        Some(match need.is_in(promised) {
            true => Obstacle::BrokenPromise(format!(
                "{reason}, which DRYDOCK_PROMISES promises ({})",
                need.key()
            )),
            false => Obstacle::Missing(reason),
        })
    }
}

/// Why a test does not run.
enum Obstacle {
    /// Something is missing, and the test is ignored.
    Missing(String),
    /// Something is missing that was promised, and the test has failed.
    BrokenPromise(String),
}

/// Runs a suite with libtest's own command line (`cargo test NAME -- --list`), and returns what `main` should.
pub fn run(suite: &str, tests: Vec<Test>) -> ExitCode {
    run_after(|| Ok(()), suite, tests)
}

/// The same for a suite whose tests start programs or examples of other packages: they are built first, since cargo
/// builds those of the package alone that is tested.
pub fn run_with_all_programs(suite: &str, tests: Vec<Test>) -> ExitCode {
    run_after(binary::build_all, suite, tests)
}

fn run_after(
    prepare: impl FnOnce() -> Result<(), String>,
    suite: &str,
    tests: Vec<Test>,
) -> ExitCode {
    // `nohup` and a shell's `&` start us with signals ignored, and so would be what the tests start. A write into a
    // pipe that nobody reads stays an error for the suite itself.
    kit::sys::process::reset_signals(&[libc::SIGPIPE]).expect("signals can be reset");
    let (arguments, filters) = CommandLine::parse().divide();
    let only = std::env::var("DRYDOCK_ONLY").unwrap_or_default();
    let promised = std::env::var("DRYDOCK_PROMISES").unwrap_or_default();
    // Whoever lists the tests is told which ones are ignored, as nextest asks before it runs any. When they run, the
    // reason is told as well, which is possible only then.
    let is_asked = arguments.list || arguments.ignored;
    let trials: Vec<_> = tests
        .into_iter()
        .filter(|test| test.is_wanted(&only))
        .filter(|test| passes(test, &filters, arguments.exact))
        .map(|test| {
            let is_ignored = || matches!(test.obstacle(&promised), Some(Obstacle::Missing(_)));
            let is_flagged = is_asked && is_ignored();
            trial(suite.to_owned(), promised.clone(), test).with_ignored_flag(is_flagged)
        })
        .collect();
    if !arguments.list && !trials.is_empty() {
        prepare().expect("the programs under test can be built");
    }
    keep_panics();
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

fn passes(test: &Test, filters: &[String], exact: bool) -> bool {
    let title = test.title();
    let is_meant = |filter: &String| match exact {
        true => test.name == *filter || title == *filter,
        false => title.contains(filter.as_str()),
    };
    filters.is_empty() || filters.iter().any(is_meant)
}

/// Held for writing by a test that wants to be alone, for reading by each other.
static COMPANY: RwLock<()> = RwLock::new(());

fn trial(suite: String, promised: String, test: Test) -> Trial {
    let (name, kind) = (test.name.clone(), test.kind());
    let runner = move || {
        let name = test.name.clone();
        let alone = test
            .alone
            .then(|| COMPANY.write().unwrap_or_else(PoisonError::into_inner));
        let company = (!test.alone).then(|| COMPANY.read().unwrap_or_else(PoisonError::into_inner));
        let start = Instant::now();
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
    };
    Trial::ignorable_test(name, runner).with_kind(kind)
}

fn carry_out(test: Test, promised: &str) -> Result<Completion, Failed> {
    match test.obstacle(promised) {
        Some(Obstacle::Missing(reason)) => return Ok(Completion::ignored_with(reason)),
        Some(Obstacle::BrokenPromise(text)) => return Err(text.into()),
        None => {}
    }
    IN_TEST.set(true);
    // A body is run once and nothing of it is used again, so what a panic left half done is not seen.
    let result = catch_unwind(AssertUnwindSafe(test.body));
    IN_TEST.set(false);
    let left = scene::end();
    let failure = match result {
        Err(panic) => Some(PANIC.take().unwrap_or_else(|| message(&*panic))),
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

thread_local! {
    /// Whether this thread runs a test's body.
    static IN_TEST: Cell<bool> = const { Cell::new(false) };
    /// What the panic hook was told of it.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on a test's panic is shown once, with the failures at the end, and not among the results of the others:
/// it may quote another program's results, and who reads ours must not take those for them.
fn keep_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !IN_TEST.get() {
            return usual(panic);
        }
        let backtrace = Backtrace::capture();
        let mut text = panic.to_string();
        if backtrace.status() == BacktraceStatus::Captured {
            // Below our own function stands how a test is started, which is the same for all.
            let frames = backtrace.to_string();
            let own = frames
                .lines()
                .take_while(|frame| !frame.contains("carry_out"));
            text.extend(own.flat_map(|frame| ["\n", frame]));
        }
        PANIC.set(Some(text));
    }));
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
        let [two, more, three] = ["two", "two more", "three"].map(|name| test(name, &[], || {}));
        assert!(passes(&two, &filters, true) && !passes(&more, &filters, true));
        assert!(passes(&more, &filters, false) && !passes(&three, &filters, false));
        assert!(passes(&three, &[], false));
    }

    #[test]
    fn a_test_that_runs_alone_is_found_by_the_name_that_is_listed() {
        let test = test("one", &[], || {}).alone();
        assert_eq!(test.title(), "[alone] one");
        for name in ["one", "[alone] one"] {
            assert!(passes(&test, &[name.to_owned()], true), "{name}");
        }
        assert!(!passes(&test, &["alone".to_owned()], true));
    }

    #[test]
    fn only_leaves_out_what_needs_something_else() {
        let test = test("x", &[Need::Root, Need::CgroupV1], || {});
        assert!(test.is_wanted(""));
        assert!(test.is_wanted("swap,cgroup1"));
        assert!(!test.is_wanted("cgroup2") && !test.is_wanted("vm"));
        let test = test.also_in_vm();
        assert!(test.is_wanted("vm,swap") && !test.is_wanted("swap"));
    }
}

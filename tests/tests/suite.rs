//! A suite as a whole, seen from outside: this program runs itself.

use std::process::ExitCode;

use harness::{Need, Output, Run, Test, directory, test};

/// Set for the inner run, whose tests are as good and as bad as the outer one wants to see them.
const INNER: &str = "DRYDOCK_TEST_INNER";

fn main() -> ExitCode {
    if std::env::var_os(INNER).is_some() {
        return harness::run("inner", inner());
    }
    let tests = vec![
        test(
            "outcomes_are_shown_and_reported",
            &[],
            outcomes_are_shown_and_reported,
        ),
        test(
            "a_promise_that_is_not_kept_is_a_failure",
            &[],
            a_promise_that_is_not_kept_is_a_failure,
        ),
        test("only_runs_what_needs_it", &[], only_runs_what_needs_it),
        test("filters_are_libtests", &[], filters_are_libtests),
        test(
            "what_is_ignored_is_known_when_tests_are_listed",
            &[],
            what_is_ignored_is_known_when_tests_are_listed,
        ),
        test(
            "what_runs_alone_and_in_the_vm_is_known_too",
            &[],
            what_runs_alone_and_in_the_vm_is_known_too,
        ),
        test("a_failure_is_told_once", &[], a_failure_is_told_once),
        test(
            "a_sample_can_be_tried_again",
            &[],
            a_sample_can_be_tried_again,
        ),
    ];
    harness::run("suite", tests)
}

fn inner() -> Vec<Test> {
    vec![
        test("good", &[Need::Program("sh")], || {}),
        test("bad", &[], || panic!("on purpose")),
        test("skipped", &[Need::Program("no-such-program")], || {}),
        test("lonely", &[], || {}).alone().also_in_vm(),
        test("whole", &[Need::Everything], || {}),
        test("part", &[], || {
            let tried = harness::sample(1000, 5);
            assert!(tried.len() == 1000 || tried.is_empty(), "tried {tried:?}");
        }),
    ]
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let myself = std::env::current_exe().expect("/proc/self/exe can be read");
    let run = Run::new(myself).args(arguments).env(INNER, "1");
    variables
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value))
        .output()
}

fn outcomes_are_shown_and_reported() {
    let report = directory().join("report");
    let output = run(
        &[],
        &[("DRYDOCK_REPORT", report.to_str().expect("it is plain"))],
    )
    .assert_code(101);
    assert!(
        output.out().contains("2 passed; 2 failed; 2 ignored"),
        "{output}"
    );
    assert!(
        output
            .out()
            .contains("ignored (needs the program no-such-program)"),
        "{output}"
    );
    let text = std::fs::read_to_string(report).expect("it was written");
    assert_eq!(text.lines().count(), 6, "{text}");
    for words in [
        ["good", "passed"],
        ["bad", "failed"],
        ["skipped", "ignored"],
    ] {
        let words = words.map(|word| format!("\"{word}\""));
        let has_both = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(text.lines().any(has_both), "{words:?}: {text}");
    }
}

fn a_promise_that_is_not_kept_is_a_failure() {
    for (promises, ignored) in [
        ("programs", 0),
        ("all", 0),
        ("all,-programs", 1),
        ("root", 1),
    ] {
        let output = run(&["skipped"], &[("DRYDOCK_PROMISES", promises)]);
        assert_eq!(output.code == Some(0), ignored == 1, "{promises}: {output}");
        assert!(
            output.out().contains(&format!("{ignored} ignored")),
            "{promises}: {output}"
        );
    }
}

fn only_runs_what_needs_it() {
    let output = run(&["--list"], &[("DRYDOCK_ONLY", "swap,programs")]).assert_code(0);
    assert_eq!(output.out(), "good: test\nskipped: test\n");
}

fn filters_are_libtests() {
    run(&["--exact", "good"], &[]).assert_code(0);
    run(&["--skip", "bad", "--skip", "part"], &[]).assert_code(0);
}

/// nextest asks so (<https://nexte.st/docs/design/custom-test-harnesses/>), and then runs what is not ignored.
fn what_is_ignored_is_known_when_tests_are_listed() {
    let list = |more: &[&str], promises: &str| {
        let words = [&["--list", "--format", "terse"], more].concat();
        let output = run(&words, &[("DRYDOCK_PROMISES", promises)]).assert_code(0);
        output.out().replace(": test\n", " ")
    };
    assert_eq!(list(&[], ""), "good bad skipped [alone] lonely whole part ");
    assert_eq!(list(&["--ignored"], ""), "skipped whole ");
    // A promise that is not kept fails, for which it has to run; time is nobody's to promise.
    assert_eq!(list(&["--ignored"], "all"), "whole ");
    let output = run(&["--exact", "skipped", "--nocapture", "--ignored"], &[]).assert_code(0);
    assert!(output.out().contains("0 failed; 1 ignored"), "{output}");
}

fn what_runs_alone_and_in_the_vm_is_known_too() {
    let output = run(&["--exact", "[alone] lonely"], &[]).assert_code(0);
    assert!(
        output.out().contains("test [alone] lonely ... ok"),
        "{output}"
    );
    let output = run(&["--list"], &[("DRYDOCK_ONLY", "vm")]).assert_code(0);
    assert_eq!(output.out(), "[alone] lonely: test\n");
}

fn a_failure_is_told_once() {
    let output = run(&["bad"], &[]).assert_code(101);
    let out = output.out();
    assert_eq!(out.matches("on purpose").count(), 1, "{output}");
    assert!(
        out.contains("panicked at tests/tests/suite.rs:")
            || out.contains("panicked at tests/suite.rs:"),
        "{output}"
    );
    assert_eq!(output.err(), "");
}

fn a_sample_can_be_tried_again() {
    let tried = |seed: &str| {
        let output = run(&["part"], &[("DRYDOCK_SEED", seed)])
            .assert_code(101)
            .out();
        let hint = format!("DRYDOCK_SEED={seed}");
        assert!(
            output.contains(&format!("This was some of the cases, with {hint}.")),
            "{output}"
        );
        assert!(
            output.ends_with(&format!(
                "sampled with {hint}, all cases with DRYDOCK_EVERYTHING=1: part\n\n"
            )),
            "{output}"
        );
        output
            .split_once("tried [")
            .unwrap()
            .1
            .split_once(']')
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(tried("7"), tried("7"));
    assert_ne!(tried("7"), tried("8"));
    run(&["part"], &[("DRYDOCK_EVERYTHING", "1")]).assert_code(0);
    run(&["whole"], &[("DRYDOCK_EVERYTHING", "1")]).assert_code(0);
}

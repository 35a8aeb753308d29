//! What the tests did, read from libtest's own lines, and put together over the places where they ran.

use std::collections::{BTreeMap, BTreeSet};

/// How one test ended in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// With the reason, which is empty where the test gave none.
    Ignored(String),
}

/// What `cargo lab vm test` says of the tests that it leaves to `--everything`, before their number.
pub(crate) const LEFT: &str = "left in the VM to --everything: ";
/// What `harness::Need::Everything` gives as the reason of a test that is left to it.
const TAKES_LONG: &str = "left to DRYDOCK_EVERYTHING=1";
/// What a suite says of the tests that have tried a sample of their cases, before their names.
const SAMPLED: &str = "sampled with DRYDOCK_SEED=";

impl Outcome {
    /// Ignored for the want of something, and not because everything has not been asked for.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Ignored(reason) if reason != TAKES_LONG)
    }

    /// Ignored because everything has not been asked for.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self, Self::Ignored(reason) if reason == TAKES_LONG)
    }
}

/// The results of one place: "package source", test name, outcome.
pub(crate) type Results = BTreeMap<(String, String), Outcome>;

/// Reads the output of test programs line by line.
///
/// What a test's child wrote past libtest's capture may stand in front of a result on the same line, or tear it; so
/// results are searched for in the line, and the totals that libtest gives are compared with what was found.
///
/// What a failed test quotes may look like a test program's output, as when it has run one. So a program begins where
/// one of the headings stands that the caller has named, and nowhere else: nothing quoted can hide the programs that
/// come after.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What has been read so far.
    pub results: Results,
    /// Sentences about what cannot be true.
    pub contradictions: Vec<String>,
    /// How many tests have tried a sample of their cases.
    pub sampled: usize,
    /// How many tests were not meant to run here at all, because everything has not been asked for.
    pub left: usize,
    /// The lines with which programs begin.
    headings: BTreeSet<String>,
    program: String,
    found: usize,
    announced: Option<usize>,
    /// Inside what libtest repeats of failed tests: their own output, which may look like results.
    quoting: bool,
}

/// How many there are of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub ignored: usize,
}

impl Counts {
    fn sum(self) -> usize {
        self.passed + self.failed + self.ignored
    }
}

impl Reader {
    /// For the output of programs that begin with these headings. Doc tests have none.
    pub(crate) fn new(headings: impl IntoIterator<Item = String>) -> Self {
        Self {
            headings: headings.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        if self.headings.contains(line) {
            self.end();
            line.trim_start()
                .trim_start_matches("Running ")
                .clone_into(&mut self.program);
            return;
        }
        if let Some(names) = line
            .strip_prefix(SAMPLED)
            .and_then(|rest| rest.split_once(": "))
        {
            self.sampled += names.1.split(", ").count();
        }
        if let Some(count) = line.strip_prefix(LEFT) {
            self.left += count.parse::<usize>().unwrap_or_default();
        }
        let totals = totals(line);
        if self.quoting && totals.is_none_or(|totals| totals.sum() != self.found) {
            return;
        }
        if let Some(totals) = totals {
            if totals.sum() != self.found {
                let (said, seen) = (totals.sum(), self.found);
                self.contradict(format!(
                    "says that it ran {said} tests, and {seen} were seen"
                ));
            }
            (self.announced, self.found, self.quoting) = (None, 0, false);
        } else if line == "failures:" {
            self.quoting = true;
        } else if let (Some(count), None) = (announced(line), self.announced) {
            // Doc tests have no heading of their own on stdout; each crate's begin with this line.
            self.end();
            self.announced = Some(count);
        } else if let Some((name, outcome)) = result(line) {
            self.found += 1;
            let test = (self.program.clone(), name.to_owned());
            merge(&mut self.results, test, &outcome);
        }
    }

    /// Takes the end of the output, or of one program's.
    pub(crate) fn end(&mut self) {
        if self.announced.take().is_some() {
            self.contradict("ended before its tests did".to_owned());
        }
        (self.found, self.quoting) = (0, false);
    }

    fn contradict(&mut self, what: String) {
        self.contradictions.push(format!("{} {what}", self.program));
    }
}

/// "running 3 tests", which libtest says before them.
fn announced(line: &str) -> Option<usize> {
    let (count, word) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(word, "test" | "tests").then(|| count.parse().ok())?
}

/// "test result: ok. 3 passed; 0 failed; 1 ignored; …"
fn totals(line: &str) -> Option<Counts> {
    let (_, numbers) = line.split_once("test result: ")?.1.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split("; ") {
        match part.split_once(' ')? {
            (number, "passed") => counts.passed = number.parse().ok()?,
            (number, "failed") => counts.failed = number.parse().ok()?,
            (number, "ignored") => counts.ignored = number.parse().ok()?,
            _ => break,
        }
    }
    Some(counts)
}

/// "test gate::tests::a_dead_peer ... ok", also with a kind in brackets and a column of its own for the outcome, as
/// libtest-mimic has them, and with "- should panic" or "- compile fail" behind the name.
fn result(line: &str) -> Option<(&str, Outcome)> {
    let start = line.find("test ")?;
    let (name, verdict) = line[start + 5..].rsplit_once(" ... ")?;
    let outcome = match verdict {
        "ok" => Outcome::Passed,
        "FAILED" | "failed" => Outcome::Failed,
        _ => Outcome::Ignored(reason(verdict.strip_prefix("ignored")?)?.to_owned()),
    };
    Some((name.trim_end(), outcome))
}

/// What stands behind "ignored": nothing, ", why" from libtest, " (why)" from libtest-mimic.
fn reason(rest: &str) -> Option<&str> {
    if rest.is_empty() {
        return Some("");
    }
    rest.strip_prefix(", ")
        .or_else(|| rest.strip_prefix(" (")?.strip_suffix(')'))
}

/// The counts of one place.
pub(crate) fn count(results: &Results) -> Counts {
    let mut counts = Counts::default();
    for outcome in results.values() {
        match outcome {
            Outcome::Passed => counts.passed += 1,
            Outcome::Failed => counts.failed += 1,
            Outcome::Ignored(_) => counts.ignored += 1,
        }
    }
    counts
}

/// All places together: a test counts once, as failed if it failed anywhere, and as ignored only if it ran nowhere.
pub(crate) fn combine<'a>(places: impl IntoIterator<Item = &'a Results>) -> Results {
    let mut combined = Results::new();
    for (test, outcome) in places.into_iter().flatten() {
        merge(&mut combined, test.clone(), outcome);
    }
    combined
}

/// Adds a result to those there are. One output may hold a test twice: the VM boots once for each cgroup version.
fn merge(results: &mut Results, test: (String, String), outcome: &Outcome) {
    let so_far = results.entry(test).or_insert_with(|| outcome.clone());
    if rank(outcome) > rank(so_far) {
        *so_far = outcome.clone();
    }
}

fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Ignored(_) => 0,
        Outcome::Passed => 1,
        Outcome::Failed => 2,
    }
}

/// The tests of one outcome, as "program: test (reason)".
pub(crate) fn list(results: &Results, wanted: impl Fn(&Outcome) -> bool) -> BTreeSet<String> {
    results
        .iter()
        .filter(|(_, outcome)| wanted(outcome))
        .map(|((program, test), outcome)| match outcome {
            Outcome::Ignored(reason) if !reason.is_empty() => {
                format!("{program}: {test} ({reason})")
            }
            _ => format!("{program}: {test}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reader {
        let headings = [
            "     Running rootfs tests/race.rs",
            "     Running rootfs tests/next.rs",
        ];
        let mut reader = Reader::new(headings.map(str::to_owned));
        text.lines().for_each(|line| reader.line(line));
        reader.end();
        reader
    }

    const SOME: &str = "     Running rootfs tests/race.rs

running 3 tests
test plan::is_pure ... ok
test [v2] births   ... ignored (needs cgroup v2 (everywhere))
noise of a childtest races ... FAILED

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn results_are_found_with_their_reasons() {
        let reader = read(SOME);
        assert_eq!(reader.contradictions, Vec::<String>::new());
        let outcome =
            |name: &str| &reader.results[&("rootfs tests/race.rs".to_owned(), name.to_owned())];
        assert_eq!(outcome("plan::is_pure"), &Outcome::Passed);
        assert_eq!(
            outcome("[v2] births"),
            &Outcome::Ignored("needs cgroup v2 (everywhere)".to_owned())
        );
        assert_eq!(outcome("races"), &Outcome::Failed);
        assert_eq!(
            count(&reader.results),
            Counts {
                passed: 1,
                failed: 1,
                ignored: 1
            }
        );
    }

    #[test]
    fn a_line_is_a_result_or_it_is_not() {
        assert_eq!(
            result("test a ... ignored"),
            Some(("a", Outcome::Ignored(String::new())))
        );
        assert_eq!(
            result("test a ... ignored, why"),
            Some(("a", Outcome::Ignored("why".to_owned())))
        );
        assert_eq!(
            result("test a - should panic ... ok"),
            Some(("a - should panic", Outcome::Passed))
        );
        assert_eq!(result("test a has been running for over 60 seconds"), None);
        assert_eq!(result("test a ... ignorant"), None);
    }

    #[test]
    fn a_program_that_died_in_the_middle_is_not_taken_for_a_short_one() {
        let torn = read(&SOME.replace("test result", "killed"));
        assert_eq!(
            torn.contradictions,
            ["rootfs tests/race.rs ended before its tests did"]
        );
        let lost = read(&SOME.replace("test plan::is_pure ... ok", ""));
        assert_eq!(
            lost.contradictions,
            ["rootfs tests/race.rs says that it ran 3 tests, and 2 were seen"]
        );
    }

    #[test]
    fn a_second_boot_that_ignores_a_test_does_not_undo_its_first() {
        let twice = read(&format!(
            "{SOME}{}",
            SOME.replace("is_pure ... ok", "is_pure ... ignored")
                .replace("1 passed; 1 failed; 1", "0 passed; 1 failed; 2")
        ));
        assert_eq!(count(&twice.results), count(&read(SOME).results));
    }

    #[test]
    fn results_inside_a_failed_tests_own_output_are_not_results() {
        let quote = "failures:\n\n---- races ----\n     Running book x\nrunning 1 test\ntest y ... ok\n\n\
                     test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n\nfailures:\n    races\n\n";
        let text = SOME.replace("\ntest result", &format!("\n{quote}test result"));
        let reader = read(&text);
        assert_eq!(reader.contradictions, Vec::<String>::new());
        assert_eq!(reader.results, read(SOME).results);
    }

    #[test]
    fn a_program_comes_after_whatever_its_forerunner_has_quoted() {
        let next = "     Running rootfs tests/next.rs\n\nrunning 1 test\ntest z ... ok\n\n\
                    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let quote = "     Running book x\nrunning 2 tests\ntest y ... FAILED\ntest w ... ok\n\
                     failures:\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n";
        let reader = read(&format!(
            "{}{next}",
            SOME.replace("noise", &format!("{quote}noise"))
        ));
        let z = ("rootfs tests/next.rs".to_owned(), "z".to_owned());
        assert_eq!(reader.results[&z], Outcome::Passed);
        assert_eq!(
            reader.contradictions,
            ["rootfs tests/race.rs ended before its tests did"]
        );
    }

    #[test]
    fn what_is_left_to_another_time_is_counted() {
        let reader = read(&format!(
            "{LEFT}812\n{SOME}sampled with DRYDOCK_SEED=7, all cases with DRYDOCK_EVERYTHING=1: a, b\n"
        ));
        assert_eq!((reader.left, reader.sampled), (812, 2));
        let outcome = |reason: &str| Outcome::Ignored(reason.to_owned());
        assert!(outcome("needs root").is_idle() && !outcome("needs root").is_left());
        assert!(outcome(TAKES_LONG).is_left() && !outcome(TAKES_LONG).is_idle());
        assert!(!Outcome::Passed.is_idle() && !Outcome::Passed.is_left());
    }

    #[test]
    fn what_ran_anywhere_is_not_ignored_and_what_failed_anywhere_has_failed() {
        let place = |outcomes: [Outcome; 3]| -> Results {
            ["a", "b", "c"]
                .into_iter()
                .zip(outcomes)
                .map(|(name, outcome)| ((String::new(), name.to_owned()), outcome))
                .collect()
        };
        let ignored = || Outcome::Ignored("why".to_owned());
        let here = place([ignored(), Outcome::Passed, ignored()]);
        let there = place([Outcome::Passed, Outcome::Failed, ignored()]);
        let expected = place([Outcome::Passed, Outcome::Failed, ignored()]);
        assert_eq!(combine([&here, &there]), expected);
        assert_eq!(combine([&there, &here]), expected);
        let left = list(&expected, |outcome| matches!(outcome, Outcome::Ignored(_)));
        assert_eq!(left.into_iter().collect::<Vec<_>>(), [": c (why)"]);
    }
}

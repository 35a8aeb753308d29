//! The exercises, from a learner's first command to an instructor's table.
//!
//! They build what learners write, so they need a Rust toolchain besides root. Where root has none, that of whoever owns
//! the repository is taken.

mod bench;
mod class;
mod copy;
mod glass;
mod learner;
mod program;

use std::process::ExitCode;

use harness::{Need, Test, test};

fn main() -> ExitCode {
    let mut tests = Vec::new();
    // A student's copy has no solutions to try.
    if bench::has_solutions() {
        tests.extend([
            needing("a_fresh_learners_path_needs_nothing_else", learner::path),
            needing("start_never_overwrites", learner::start_never_overwrites),
            needing(
                "what_is_missing_or_broken_is_said_in_one_message",
                learner::bad_input,
            ),
            needing("watch_checks_again_on_save", learner::watch),
            needing(
                "the_reference_scores_100_and_the_starter_0",
                class::reference_and_starter,
            ),
            needing("hostile_submissions_harm_nothing", class::hostile),
            needing(
                "a_compiler_that_hangs_is_stopped",
                class::endless_compilation,
            ),
            needing(
                "the_students_copy_has_no_solution_and_works",
                copy::students,
            ),
            needing("every_exercise_is_sound", copy::sound).alone(),
        ]);
    }
    tests.push(needing("a_program_of_ones_own_is_checked", program::own));
    tests.push(needing(
        "what_is_hidden_is_empty_be_it_a_file",
        glass::hides_files,
    ));
    harness::run_with_all_programs("exercises", tests)
}

fn needing(name: &str, body: fn()) -> Test {
    test(name, &[Need::Root, Need::Program("git")], body)
}

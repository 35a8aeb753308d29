//! What still escapes, as the book shows it: the attack matrix whole, and each step's column of it.

use std::collections::BTreeMap;

use anyhow::Result;
use attacks::Probe;

use super::generated::{step_folders, step_name};
use super::lint::Problem;
use crate::cmd::attack::matrix::{Entry, Mark, Matrix};
use crate::cmd::attack::subject::SUBJECTS;
use crate::repo::Repo;

/// `matrix.md`, and `escapes-STEP.md` for each step.
pub(crate) fn parts(repo: &Repo) -> Result<BTreeMap<String, String>> {
    let steps = step_folders(repo)?;
    let matrix = Matrix::read(repo)?;
    let mut parts = BTreeMap::from([("matrix.md".to_owned(), whole(&matrix, &steps))]);
    for step in steps.iter().map(|step| step_name(step)) {
        parts.insert(format!("escapes-{step}.md"), column(&matrix, &steps, step));
    }
    Ok(parts)
}

/// Attacks that escape from a step that is said to stop them. That is never recorded without somebody's noticing: either
/// the step is to be mended, or the probe is to say who stops it.
pub(crate) fn check(repo: &Repo) -> Result<Vec<Problem>> {
    let steps = step_folders(repo)?;
    let matrix = Matrix::read(repo)?;
    let mut problems = Vec::new();
    for probe in attacks::all() {
        let Some(first) = place(&steps, probe.stopped_by) else {
            continue;
        };
        for step in steps[first..].iter().map(|step| step_name(step)) {
            let marks = matrix
                .entry(step, probe.slug)
                .map_or([None; 2], Entry::marks);
            if marks.contains(&Some(Mark::Escapes)) {
                let what = format!(
                    "{} escapes from {step}, and {} is to have stopped it",
                    probe.slug, probe.stopped_by
                );
                problems.push(Problem::in_file("data/matrix.toml", 1, what));
            }
        }
    }
    Ok(problems)
}

fn place(steps: &[String], name: &str) -> Option<usize> {
    steps.iter().position(|folder| step_name(folder) == name)
}

/// What the step stops, what it does not yet, and who will.
fn column(matrix: &Matrix, steps: &[String], step: &str) -> String {
    let mut table = String::from("| the container tries to | here | stopped by |\n|---|---|---|\n");
    for probe in attacks::all() {
        let here = shown(matrix.entry(step, probe.slug));
        table.push_str(&format!(
            "| {} | {here} | {} |\n",
            probe.what,
            stopper(steps, probe)
        ));
    }
    table
}

/// Every probe against every container.
fn whole(matrix: &Matrix, steps: &[String]) -> String {
    let mut table = String::from("| the container tries to | |");
    for subject in SUBJECTS {
        table.push_str(&format!(" `{}` |", subject.name));
    }
    table.push_str("\n|---|---|");
    table.push_str(&"---|".repeat(SUBJECTS.len()));
    table.push('\n');
    for probe in attacks::all() {
        let what = format!("{}; stopped by {}", probe.what, stopper(steps, probe));
        table.push_str(&format!("| {what} | `{}` |", probe.slug));
        for subject in SUBJECTS {
            let here = shown(matrix.entry(subject.name, probe.slug));
            table.push_str(&format!(" {here} |"));
        }
        table.push('\n');
    }
    table
}

fn stopper(steps: &[String], probe: &Probe) -> String {
    let Probe {
        stopped_by, means, ..
    } = probe;
    match place(steps, stopped_by) {
        Some(at) => format!("[{stopped_by}]({}.md): {means}", steps[at]),
        None => format!("`{stopped_by}`, a later step: {means}"),
    }
}

/// Where the two cgroup versions differ, or one has not been tried, that is said.
fn shown(entry: Option<Entry>) -> String {
    let word = |mark: Mark| match mark {
        Mark::Escapes => "**escapes**",
        Mark::Stopped => "stopped",
    };
    match entry.map_or([None; 2], Entry::marks) {
        [Some(v1), Some(v2)] if v1 == v2 => word(v1).to_owned(),
        [Some(v1), Some(v2)] => format!("{} on cgroup v1, {} on v2", word(v1), word(v2)),
        [Some(v1), None] => format!("{} on cgroup v1", word(v1)),
        [None, Some(v2)] => format!("{} on cgroup v2", word(v2)),
        [None, None] => "not tried".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(text: &str) -> Matrix {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_step_s_column_says_what_was_measured_and_who_stops_it() {
        let steps = ["01-namespaces".to_owned(), "02-rootfs".to_owned()];
        let matrix = matrix(
            "[namespaces]\nleave-root = \"escapes\"\nraise-limit = { v1 = \"escapes\", v2 = \"stopped\" }\n\
             release-agent = { v1 = \"escapes\" }\nrename-host = \"stopped\"\n",
        );
        let column = column(&matrix, &steps, "namespaces");
        let row = |what: &str| column.lines().find(|line| line.contains(what)).unwrap();
        assert!(
            row("rename the host").contains("| stopped | [namespaces](01-namespaces.md): a UTS")
        );
        assert!(
            row("change the host's files").contains("| **escapes** | [rootfs](02-rootfs.md): ")
        );
        assert!(
            row("lift its own")
                .contains("| **escapes** on cgroup v1, stopped on v2 | `runtime`, a later step: ")
        );
        assert!(row("release_agent").contains("| **escapes** on cgroup v1 |"));
        assert!(row("setuid").contains("| not tried |"));
    }

    #[test]
    fn the_whole_matrix_has_a_column_for_each_subject_and_a_row_for_each_probe() {
        let text = whole(&Matrix::default(), &[]);
        assert_eq!(text.lines().count(), 2 + attacks::all().count());
        let columns = |line: &str| line.matches('|').count();
        assert!(
            text.lines().all(|line| columns(line) == SUBJECTS.len() + 3),
            "{text}"
        );
    }
}

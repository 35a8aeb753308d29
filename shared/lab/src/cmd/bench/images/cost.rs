//! What a command costs, as GNU time tells it.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::super::Bench;
use super::super::speed::median;
use super::servers::Left;

/// What one run of a command took, with all that it started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    /// Seconds from start to end.
    pub(super) wall: f64,
    /// Seconds of processor time.
    pub(super) cpu: f64,
    /// MiB that the largest of its processes held at most.
    pub(super) resident: f64,
}

/// Runs a command; what it prints is shown if it fails.
pub(super) fn of(bench: &Bench, left: &Left, here: &Path, words: &[&str]) -> Result<Cost> {
    let file = here.join("cost");
    let mut time = bench.privilege.command("time");
    time.args(["--format", "%e %U %S %M", "--output"])
        .arg(&file)
        .args(words);
    let output = left.measured(&mut time)?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = std::fs::read_to_string(&file).context("cannot read what GNU time wrote")?;
    parse(&text).with_context(|| format!("cannot understand what GNU time wrote: {text}"))
}

fn parse(text: &str) -> Option<Cost> {
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [wall, user, system, kib] => Some(Cost {
            wall,
            cpu: user + system,
            resident: kib / 1024.0,
        }),
        _ => None,
    }
}

/// The median of each, and of memory the most.
pub(super) fn typical(costs: &[Cost]) -> Cost {
    Cost {
        wall: median(costs.iter().map(|cost| cost.wall).collect()),
        cpu: median(costs.iter().map(|cost| cost.cpu).collect()),
        resident: costs.iter().map(|cost| cost.resident).fold(0.0, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_as_time_writes_it() {
        let cost = Cost {
            wall: 1.5,
            cpu: 1.0,
            resident: 2.0,
        };
        assert_eq!(parse("1.50 0.75 0.25 2048\n"), Some(cost));
        assert_eq!(parse("Command exited with non-zero status 1\n"), None);
    }

    #[test]
    fn the_typical_cost_is_the_middle_one_with_the_most_memory() {
        let cost = |wall, resident| Cost {
            wall,
            cpu: wall,
            resident,
        };
        let costs = [cost(1.0, 9.0), cost(3.0, 1.0), cost(2.0, 4.0)];
        assert_eq!(typical(&costs), cost(2.0, 9.0));
    }
}

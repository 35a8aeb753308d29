//! A fuzz driver for the extractor: archives are mutated with knowledge of their form, unpacked, and judged.
//!
//! `fuzz [--minutes N] [--seed N] [--findings DIR] CORPUS`. It needs no other toolchain than the one that builds the
//! rest, and the same seed tries the same archives. An archive that behaves in a new way becomes one to mutate.

mod judge;
mod mutate;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use judge::{Judge, Verdict};
use mutate::Random;

#[derive(Parser)]
struct Arguments {
    /// How long to go on
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// Where the dice begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where archives go that break a rule
    #[arg(long, default_value = "findings")]
    findings: PathBuf,
    /// Archives to begin with
    corpus: PathBuf,
}

/// So many archives are kept to be mutated further.
const KEPT: usize = 4000;

#[derive(Default)]
struct Summary {
    tries: u64,
    accepted: u64,
    refused: BTreeMap<String, u64>,
    findings: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut archives = corpus(&arguments.corpus);
    assert!(!archives.is_empty(), "the corpus is empty");
    let seeds = archives.len();
    let judge = Judge::new();
    let mut random = Random(arguments.seed);
    let mut seen = HashSet::new();
    let mut summary = Summary::default();
    let end = Instant::now() + Duration::from_secs(arguments.minutes * 60);
    // A panic is a finding, and is told once, by us.
    std::panic::set_hook(Box::new(|_| {}));
    while Instant::now() < end {
        let archive = mutate::mutate(&mut random, &archives, judge.outside());
        summary.tries += 1;
        let behaviour = match judge.judge(&archive) {
            Verdict::Accepted(behaviour) => {
                summary.accepted += 1;
                behaviour
            }
            Verdict::Refused(why) => {
                *summary.refused.entry(why.clone()).or_default() += 1;
                why
            }
            Verdict::Broken(rule) => {
                summary.findings += 1;
                report(&arguments.findings, &summary, &rule, &archive);
                rule
            }
        };
        if seen.insert(behaviour) && archives.len() < KEPT {
            archives.push(archive);
        }
    }
    print(&summary, arguments.seed, archives.len() - seeds);
    ExitCode::from(u8::from(summary.findings > 0))
}

fn corpus(directory: &PathBuf) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).expect("the corpus can be listed");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("the corpus can be read"))
        .collect()
}

fn report(directory: &PathBuf, summary: &Summary, rule: &str, archive: &[u8]) {
    std::fs::create_dir_all(directory).expect("the findings' directory can be made");
    let path = directory.join(format!("{}.tar", summary.tries));
    std::fs::write(&path, archive).expect("a finding can be written");
    say(&format!("FOUND {}: {rule}", path.display()));
}

fn print(summary: &Summary, seed: u64, kept: usize) {
    let refused: u64 = summary.refused.values().sum();
    say(&format!(
        "seed {seed}: {} archives, {} accepted, {refused} refused for {} reasons, {kept} kept for a new behaviour, {} findings",
        summary.tries,
        summary.accepted,
        summary.refused.len(),
        summary.findings
    ));
    for (why, count) in &summary.refused {
        say(&format!("{count:>10}  {why}"));
    }
}

#[expect(clippy::print_stdout, reason = "what it found is its output")]
fn say(line: &str) {
    println!("{line}");
}

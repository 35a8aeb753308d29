//! Time from start to end of a container that does nothing, by hyperfine's method.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Bench, Figure, bundle, text};

/// What every container here runs.
const COMMAND: &str = "/bin/true";
/// How often a command is run in a round, after a few runs that are not counted.
const RUNS: &str = "10";
const WARMUP: &str = "2";

/// Where a hybrid host mounts cgroup v2 beside v1.
const UNIFIED: &str = "/sys/fs/cgroup/unified";

/// A comparison: ours, then each peer with its goal.
pub(super) struct Comparison {
    pub(super) ours: (String, Vec<String>),
    pub(super) peers: Vec<(String, Vec<String>, Option<f64>)>,
    pub(super) ground: Ground,
}

/// What all commands of a comparison find.
#[derive(Clone, Copy)]
pub(super) enum Ground {
    /// The machine as it is.
    AsItIs,
    /// A hybrid host without its v2 part, taken away in a mount namespace of the measurement's own: crun 1.8 refuses
    /// a hybrid host where v2 has a controller.
    WithoutUnified,
}

pub(super) fn namespaces(bench: &Bench) -> Result<Vec<Figure>> {
    Comparison {
        ours: (
            "namespaces run".to_owned(),
            words(&[&bench.program("namespaces")?, "run", "true"]),
        ),
        peers: vec![(
            "unshare".to_owned(),
            words(&["unshare", "-muinpf", "--mount-proc", "true"]),
            Some(1.5),
        )],
        ground: Ground::AsItIs,
    }
    .measure(bench)
}

pub(super) fn rootfs(bench: &Bench) -> Result<Vec<Figure>> {
    let root = text(&bench.rootfs)?;
    Comparison {
        ours: (
            "rootfs run".to_owned(),
            words(&[&bench.program("rootfs")?, "run", "--rootfs", &root, COMMAND]),
        ),
        peers: vec![("unshare + chroot".to_owned(), bare(&root), Some(1.5))],
        ground: Ground::AsItIs,
    }
    .measure(bench)
}

pub(super) fn cgroups(bench: &Bench) -> Result<Vec<Figure>> {
    let root = text(&bench.rootfs)?;
    let program = bench.program("cgroups")?;
    let limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "32"];
    let mut ours = words(&[&program, "run"]);
    ours.extend(words(&limits));
    ours.extend(words(&["--rootfs", &root, COMMAND]));
    let ours = ("cgroups run, 3 limits".to_owned(), ours);
    let mut figures = Comparison {
        ours: ours.clone(),
        peers: vec![("unshare + chroot".to_owned(), bare(&root), Some(2.0))],
        ground: Ground::AsItIs,
    }
    .measure(bench)?;

    let directory = bench.scratch.path().join("bundle");
    bundle::write(&directory, &bench.rootfs, COMMAND)?;
    let directory = text(&directory)?;
    let runtime = |name: &str, options: &[&str]| {
        let id = format!("drydock-bench-{name}");
        let mut command = words(&[name]);
        command.extend(words(options));
        command.extend(words(&["run", "--bundle", &directory, &id]));
        (format!("{name}, equal bundle"), command, Some(1.0))
    };
    let peers = Comparison {
        ours,
        peers: vec![
            // Told so, since by itself it asks systemd, which need not be there.
            runtime("crun", &["--cgroup-manager=cgroupfs"]),
            runtime("runc", &[]),
        ],
        ground: if Path::new(UNIFIED).is_dir() {
            Ground::WithoutUnified
        } else {
            Ground::AsItIs
        },
    };
    figures.extend(peers.measure(bench)?);
    Ok(figures)
}

/// The same without us: util-linux and coreutils.
fn bare(root: &str) -> Vec<String> {
    let mount_proc = format!("--mount-proc={root}/proc");
    words(&["unshare", "-muinpf", &mount_proc, "chroot", root, COMMAND])
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Comparison {
    /// Runs the commands in turn, round after round, so that whatever slows the machine for a while slows all alike.
    pub(super) fn measure(&self, bench: &Bench) -> Result<Vec<Figure>> {
        let medians = self.medians(bench)?;
        Ok(self
            .peers
            .iter()
            .zip(&medians[1..])
            .map(|((peer, _, goal), median)| Figure {
                name: format!("{} / {peer}", self.ours.0),
                ours: medians[0] * 1000.0,
                peer: Some(median * 1000.0),
                unit: "ms",
                value: medians[0] / median,
                goal: *goal,
            })
            .collect())
    }

    /// The seconds that ours takes, where there is nothing to compare it with.
    pub(super) fn own_time(&self, bench: &Bench) -> Result<f64> {
        Ok(self.medians(bench)?[0])
    }

    /// In seconds, ours first.
    fn medians(&self, bench: &Bench) -> Result<Vec<f64>> {
        let commands: Vec<String> = std::iter::once(&self.ours.1)
            .chain(self.peers.iter().map(|(_, command, _)| command))
            .map(|command| quote(command))
            .collect();
        let mut times = vec![Vec::new(); commands.len()];
        for _ in 0..bench.rounds {
            for (all, new) in times.iter_mut().zip(round(bench, self.ground, &commands)?) {
                all.extend(new);
            }
        }
        Ok(times.into_iter().map(median).collect())
    }
}

#[derive(Deserialize)]
struct Export {
    results: Vec<Times>,
}

#[derive(Deserialize)]
struct Times {
    /// Wall-clock seconds of each run.
    times: Vec<f64>,
}

/// One round: every command, in seconds per run. Hyperfine fails if one of them does.
fn round(bench: &Bench, ground: Ground, commands: &[String]) -> Result<Vec<Vec<f64>>> {
    let export = bench.scratch.path().join("hyperfine.json");
    let mut hyperfine = match ground {
        Ground::AsItIs => bench.privilege.command("hyperfine"),
        Ground::WithoutUnified => {
            let mut unshare = bench.privilege.command("unshare");
            let script = "umount \"$0\" && exec hyperfine \"$@\"";
            unshare.args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                script,
                UNIFIED,
            ]);
            unshare
        }
    };
    hyperfine
        .args([
            "--shell=none",
            "--style=none",
            "--warmup",
            WARMUP,
            "--runs",
            RUNS,
            "--export-json",
        ])
        .arg(&export)
        .args(commands);
    let output = hyperfine.output().context("cannot run hyperfine")?;
    // Its warnings, that a shared machine is not quiet, are why there are many rounds; its errors are wanted.
    ensure!(
        output.status.success(),
        "hyperfine failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let json = fs::read_to_string(&export).context("cannot read what hyperfine exported")?;
    let export: Export =
        serde_json::from_str(&json).context("cannot understand what hyperfine exported")?;
    Ok(export
        .results
        .into_iter()
        .map(|result| result.times)
        .collect())
}

pub(super) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => times[middle],
        _ => f64::midpoint(times[middle - 1], times[middle]),
    }
}

/// One command as the line that hyperfine splits into words again, as a shell would.
fn quote(words: &[String]) -> String {
    let quoted: Vec<_> = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn words_survive_hyperfines_splitting() {
        assert_eq!(quote(&words(&["a b", "it's"])), r"'a b' 'it'\''s'");
    }
}

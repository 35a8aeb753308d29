//! Many containers, one after the other and at once: all must succeed, and nothing may be left.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Bench, Figure};
use crate::process;

/// How many in a row, and how many at once.
const IN_A_ROW: usize = 1000;
const AT_ONCE: usize = 50;

pub(super) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let before = census(&bench.rootfs);
    let start = Instant::now();
    many(bench, IN_A_ROW, 1)?;
    let each = start.elapsed().as_secs_f64() * 1000.0 / IN_A_ROW as f64;
    many(bench, AT_ONCE, AT_ONCE)?;
    let left: Vec<_> = census(&bench.rootfs).difference(&before).cloned().collect();
    for thing in &left {
        crate::ui::step("left", thing);
    }
    let figure = |name: String, value: f64, unit, goal| Figure {
        name,
        ours: value,
        peer: None,
        unit,
        value,
        goal,
    };
    Ok(vec![
        figure(format!("{IN_A_ROW} in a row, each"), each, "ms", None),
        figure(
            format!("left after {IN_A_ROW} in a row and {AT_ONCE} at once"),
            left.len() as f64,
            "",
            Some(0.0),
        ),
    ])
}

/// Starts `count` containers, `at_once` of them at a time; all have to succeed.
fn many(bench: &Bench, count: usize, at_once: usize) -> Result<()> {
    // xargs (-0, -P) ends with 123 if one of them fails. One sudo for all: its own start costs more than ours.
    let script = r#"yes '' | head -n "$1" | tr '\n' '\0' | xargs -0 -n 1 -P "$2" "$3" run --memory 64m --cpus 0.5 \
        --pids-limit 32 --rootfs "$4" true"#;
    let mut command = bench.privilege.command("sh");
    command
        .args([
            "-c",
            script,
            "soak",
            &count.to_string(),
            &at_once.to_string(),
            &bench.program("cgroups")?,
        ])
        .arg(&bench.rootfs);
    let status = process::status(&mut command)?;
    ensure!(
        status.success(),
        "of {count} containers, {at_once} at a time, not all succeeded ({status})"
    );
    Ok(())
}

/// What could be left behind: mounts, our cgroups, processes of the step, and what stands in the run root and in the
/// container's root. Cgroups and temporary files of others come and go on any machine, so ours are known by name.
fn census(rootfs: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    found.extend(mounts.lines().map(|line| format!("mount {line}")));
    cgroups(Path::new("/sys/fs/cgroup"), &mut found);
    for directory in [&kit::roots::run(), rootfs, &rootfs.join("dev")] {
        found.extend(entries(directory).map(|path| format!("file {}", path.display())));
    }
    // Tests that run meanwhile have directories there too.
    let temporary = entries(&std::env::temp_dir())
        .filter(|path| is_ours(path) && !path.to_string_lossy().contains("drydock-test-"));
    found.extend(temporary.map(|path| format!("file {}", path.display())));
    for process in entries(Path::new("/proc")) {
        let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
        if name.trim() == "cgroups" {
            found.insert(format!("process {}", process.display()));
        }
    }
    found
}

fn cgroups(directory: &Path, found: &mut BTreeSet<String>) {
    for path in entries(directory) {
        if path.is_dir() && !path.is_symlink() {
            if is_ours(&path) {
                found.insert(format!("cgroup {}", path.display()));
            }
            cgroups(&path, found);
        }
    }
}

fn is_ours(path: &Path) -> bool {
    path.to_string_lossy().contains("drydock")
}

fn entries(directory: &Path) -> impl Iterator<Item = std::path::PathBuf> + use<> {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
}

//! An OCI bundle that asks of another runtime what `cgroups run` does with the same root and the same three limits.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Writes `config.json` (OCI runtime specification, config.md) into a new directory.
pub(super) fn write(directory: &Path, root: &Path, command: &str) -> Result<()> {
    let config = serde_json::to_vec_pretty(&config(root, command))?;
    fs::create_dir(directory)
        .and_then(|()| fs::write(directory.join("config.json"), config))
        .with_context(|| format!("cannot write a bundle to {}", directory.display()))
}

fn config(root: &Path, command: &str) -> Value {
    let mount = |at: &str, kind: &str, options: &[&str]| json!({"destination": at, "type": kind, "source": kind, "options": options});
    let guarded = ["nosuid", "noexec", "nodev"];
    let namespaces: Vec<_> = ["pid", "network", "ipc", "uts", "mount", "cgroup"]
        .iter()
        .map(|kind| json!({"type": kind}))
        .collect();
    json!({
        "ociVersion": "1.0.2",
        "hostname": "drydock",
        "root": {"path": root, "readonly": false},
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": [command],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "cwd": "/",
            "noNewPrivileges": false,
        },
        "mounts": [
            mount("/proc", "proc", &guarded),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", &guarded),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        ],
        "linux": {
            "namespaces": namespaces,
            "resources": {
                "memory": {"limit": 64 << 20},
                "cpu": {"quota": 50_000, "period": 100_000},
                "pids": {"limit": 32},
            },
            "maskedPaths": [
                "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}

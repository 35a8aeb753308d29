//! Where things are kept, the same for every program: the data root survives a reboot, the run root does not.

use std::path::PathBuf;

/// `DRYDOCK_ROOT`, or `/var/lib/drydock`.
pub fn data() -> PathBuf {
    from_environment("DRYDOCK_ROOT", "/var/lib/drydock")
}

/// `DRYDOCK_RUN`, or `/run/drydock`.
pub fn run() -> PathBuf {
    from_environment("DRYDOCK_RUN", "/run/drydock")
}

fn from_environment(name: &str, default: &str) -> PathBuf {
    let path = std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map_or_else(|| default.into(), PathBuf::from);
    // Made absolute at once: a process of ours may change its working directory.
    std::path::absolute(&path).unwrap_or(path)
}

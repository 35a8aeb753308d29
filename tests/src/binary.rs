//! Where the programs under test are, and how they come to be there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program `name` of the workspace, built with the same profile as the running test.
///
/// # Panics
/// If it has not been built; the message says how.
pub fn bin(name: &str) -> PathBuf {
    built(&folder().join(name), &format!("cargo build --bin {name}"))
}

/// The example `name` of a package, as [`bin`].
///
/// # Panics
/// If it has not been built.
pub fn example(name: &str) -> PathBuf {
    built(
        &folder().join("examples").join(name),
        &format!("cargo build --example {name}"),
    )
}

/// Builds the programs and examples of the whole workspace, which cargo does for nobody who tests one package, unless
/// whoever has started us has seen to it (`DRYDOCK_BUILT`), or has not been cargo.
///
/// # Errors
/// As a sentence.
pub(crate) fn build_all() -> Result<(), String> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let by_others = is_set("DRYDOCK_BUILT") || is_set("DRYDOCK_BIN_DIR");
    if by_others || !is_set("CARGO_MANIFEST_DIR") {
        return Ok(());
    }
    // nextest runs each test in a process of its own: the first one builds.
    let Some(run) = std::env::var_os("NEXTEST_RUN_ID") else {
        return cargo_build();
    };
    let stamp = folder().join(".drydock-built");
    let _lock = kit::fs::Lock::exclusive(&folder().join(".drydock-lock"))
        .map_err(|error| error.to_string())?;
    if std::fs::read(&stamp).is_ok_and(|last| last == run.as_encoded_bytes()) {
        return Ok(());
    }
    cargo_build()?;
    kit::fs::write_atomically(&stamp, run.as_encoded_bytes()).map_err(|error| error.to_string())
}

/// The same programs as `cargo build` in the top directory makes, where the running test is.
fn cargo_build() -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--workspace", "--bins", "--examples", "--quiet"]);
    let folder = folder();
    if folder.ends_with("release") {
        build.arg("--release");
    }
    // target/x86_64-unknown-linux-gnu/debug, since .cargo/config.toml names a target.
    if let Some(target) = folder.ancestors().nth(2) {
        build.arg("--target-dir").arg(target);
    }
    match build.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{build:?} failed ({status})")),
        Err(error) => Err(format!("cannot run {build:?}: {error}")),
    }
}

/// `target/…/debug`, of which a test stands in `deps`.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("DRYDOCK_BIN_DIR") {
        return folder.into();
    }
    let test = std::env::current_exe().expect("/proc/self/exe can be read");
    let folder = test.parent().expect("a program is in a folder");
    match folder.parent() {
        Some(parent) if folder.ends_with("deps") => parent.to_owned(),
        _ => folder.to_owned(),
    }
}

fn built(path: &Path, how: &str) -> PathBuf {
    assert!(
        path.is_file(),
        "{} is not there; build it first: {how}",
        path.display()
    );
    path.to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic(expected = "cargo build --bin no-such-program")]
    fn what_is_not_built_says_how_to_build_it() {
        super::bin("no-such-program");
    }
}

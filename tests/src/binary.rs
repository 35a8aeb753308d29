//! Where the programs under test are.

use std::path::{Path, PathBuf};

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

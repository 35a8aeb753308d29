//! Where the tests work: the lab, the repository, a toolchain, a workbook of their own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Run, bin, directory, sample};
use nix::unistd::{Uid, User};

/// The repository that these tests belong to.
pub(crate) fn repository() -> PathBuf {
    let lab = std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo and the lab both say where the package is");
    let lab = PathBuf::from(lab);
    lab.ancestors()
        .nth(2)
        .expect("the package lies two folders deep")
        .to_owned()
}

/// Whether this is not a student's copy.
pub(crate) fn has_solutions() -> bool {
    repository()
        .join("exercises/handshake/src/lib.rs")
        .is_file()
}

/// `cargo lab …` in the repository, with a workbook that belongs to this test.
pub(crate) fn lab(arguments: &[&str]) -> Run {
    lab_in(&repository(), arguments).env("DRYDOCK_WORKBOOK", workbook())
}

/// The same elsewhere. Building takes its time, and this machine may be busy with others.
pub(crate) fn lab_in(place: &Path, arguments: &[&str]) -> Run {
    let mut run = Run::new(bin("lab"))
        .args(arguments)
        .current_dir(place)
        .timeout(Duration::from_secs(1200));
    for (name, value) in toolchain() {
        run = run.env(name, value);
    }
    run
}

/// This test's workbook.
pub(crate) fn workbook() -> PathBuf {
    directory().join("workbook")
}

/// What cargo needs in its environment. As root in somebody else's repository: that person's toolchain, but none of
/// that person's files is written.
fn toolchain() -> Vec<(&'static str, PathBuf)> {
    let owner = fs::metadata(repository()).map_or(0, |metadata| metadata.uid());
    let home = User::from_uid(Uid::from_raw(owner))
        .ok()
        .flatten()
        .map_or_else(|| "/root".into(), |user| user.dir);
    let place = |name: &str, default: &str| {
        let inherited = std::env::var_os(name).map(PathBuf::from);
        inherited.unwrap_or_else(|| home.join(default))
    };
    let cargo_home = place("CARGO_HOME", ".cargo");
    let mut path = vec![cargo_home.join("bin")];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut variables = vec![
        (
            "PATH",
            PathBuf::from(std::env::join_paths(path).expect("a path has no colon")),
        ),
        ("CARGO_HOME", cargo_home),
        ("RUSTUP_HOME", place("RUSTUP_HOME", ".rustup")),
    ];
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    variables.extend(match (owner, target) {
        (_, Some(target)) => Some(("CARGO_TARGET_DIR", target)),
        (0, None) => None,
        (_, None) => Some((
            "CARGO_TARGET_DIR",
            std::env::temp_dir().join("drydock-exercises-target"),
        )),
    });
    variables
}

/// The solution of an exercise, as a learner would hand it in.
pub(crate) fn solution(slug: &str) -> String {
    let text =
        fs::read_to_string(repository().join("exercises").join(slug).join("src/lib.rs")).unwrap();
    let is_kept = |line: &&str| {
        !["//<", "//=", "//>"]
            .iter()
            .any(|marker| line.trim_start().starts_with(marker))
    };
    text.lines()
        .filter(is_kept)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// All exercises.
pub(crate) fn slugs() -> Vec<String> {
    let entries = fs::read_dir(repository().join("exercises"))
        .unwrap()
        .flatten();
    let mut slugs: Vec<_> = entries
        .filter(|entry| entry.path().join("exercise.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    slugs.sort();
    slugs
}

/// All exercises, or a sample of them: a compiler needs a second or more for each variant of each. `handshake`, of which
/// more is known, is always there.
pub(crate) fn some_slugs() -> Vec<String> {
    let mut slugs = slugs();
    let chosen = sample(slugs.len(), 6);
    let mut number = 0..;
    slugs.retain(|slug| {
        let is_chosen = number.next().is_some_and(|number| chosen.contains(&number));
        is_chosen || slug == "handshake"
    });
    slugs
}

/// Writes a submission's source.
pub(crate) fn hand_in(folder: &Path, slug: &str, text: &str) {
    let place = folder.join(slug).join("src");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("lib.rs"), text).unwrap();
}

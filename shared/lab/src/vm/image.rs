//! The VM's first disk and its kernel: made once, and again when what they are made of changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::Store;
use crate::privilege::{Privilege, in_path};
use crate::process;
use crate::repo::Repo;
use crate::ui::{self, step};

/// What the disk depends on. Not the rest of `tests/vm`: that comes in on the second disk.
const SOURCES: [&str; 4] = [
    "shared/lab/provision.sh",
    "tests/vm/image.sh",
    "tests/vm/customize.sh",
    "tests/vm/stub",
];
/// In front of the script that makes the disk: should we die, the kernel kills it, all its processes go with their pid
/// namespace, and what it has mounted in the new root goes with its mount namespace.
const CONFINED: [&str; 11] = [
    "--pdeathsig",
    "KILL",
    "--",
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
    "sh",
];
/// Debian 12, by its name in the archive.
const RELEASE: &str = "bookworm";

/// The directory with `vmlinuz` and `root.ext4`. It is there whole or not at all: it is made under another name.
pub(crate) fn ensure(repo: &Repo, store: &Store) -> Result<PathBuf> {
    let _lock = store.lock()?;
    let image = store.path("image");
    let inputs = inputs(&repo.root)?;
    // The inputs themselves lie beside the disk, so that nothing but equality has to be trusted.
    if std::fs::read(image.join("inputs")).is_ok_and(|made_of| made_of == inputs) {
        return Ok(image);
    }
    step(
        "vm",
        "making a Debian 12 disk (once; about a minute, some 150 MB to fetch)",
    );
    let start = Instant::now();
    let privilege = Privilege::acquire()?;
    let half = store.path("image.new");
    // What an interrupted run has left is root's, and may hold a whole Debian.
    remove(privilege, &half)?;
    std::fs::create_dir(&half)?;
    let proxies = proxies();
    let proxies: Vec<_> = proxies
        .iter()
        .map(|(name, value)| (*name, value.as_os_str()))
        .collect();
    let mut script = privilege.command_with("setpriv", &proxies);
    script
        .args(CONFINED)
        .arg(repo.root.join("tests/vm/image.sh"))
        .arg(&half)
        .args(mirror());
    process::run(&mut script).context("the VM's disk could not be made")?;
    std::fs::write(half.join("inputs"), inputs)?;
    remove(privilege, &image)?;
    std::fs::rename(&half, &image)?;
    step(
        "vm",
        format_args!("made in {}", ui::duration(start.elapsed())),
    );
    Ok(image)
}

/// Deletes the disk, and what is known of this machine.
pub(crate) fn clean(store: &Store) -> Result<()> {
    let _lock = store.lock()?;
    let names = ["image", "image.new", "stage", "accelerator"];
    let present: Vec<_> = names
        .iter()
        .map(|name| store.path(name))
        .filter(|path| path.exists())
        .collect();
    if present.is_empty() {
        return Ok(());
    }
    let privilege = Privilege::acquire()?;
    present.iter().try_for_each(|path| remove(privilege, path))
}

fn remove(privilege: Privilege, path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    // One file system: should a mount have been left inside, what it shows is not ours to delete.
    process::run(
        privilege
            .command("rm")
            .args(["-rf", "--one-file-system", "--"])
            .arg(path),
    )
}

fn inputs(root: &Path) -> Result<Vec<u8>> {
    let mut inputs = format!("{}\n", std::env::consts::ARCH).into_bytes();
    for source in SOURCES {
        let path = root.join(source);
        let contents =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        inputs.extend(format!("== {source} {}\n", contents.len()).into_bytes());
        inputs.extend(contents);
    }
    Ok(inputs)
}

/// Where this machine gets Debian 12 from, if it does: there may be a mirror near by, and no way to another. As
/// sources.list lines; none leaves it to mmdebstrap.
fn mirror() -> Vec<String> {
    if !in_path("apt-get") {
        return Vec::new();
    }
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let targets = process::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]));
    lines_of_debian(&targets.unwrap_or_default())
}

/// Of all that apt knows, Debian 12's own: that which Debian's keys have signed.
fn lines_of_debian(targets: &str) -> Vec<String> {
    let releases = ["", "-updates", "-security"].map(|suffix| format!("{RELEASE}{suffix}"));
    let lines: BTreeSet<_> = targets
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (uri, release, component) = (words.next()?, words.next()?, words.next()?);
            let ours = releases.iter().any(|name| name == release)
                && component == "main"
                && uri.starts_with("http");
            let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
            ours.then(|| format!("deb [signed-by={key}] {uri} {release} main"))
        })
        .collect();
    lines.into_iter().collect()
}

/// What sudo would drop, and apt inside the new root must know.
fn proxies() -> Vec<(&'static str, std::ffi::OsString)> {
    ["http_proxy", "https_proxy", "no_proxy"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_sources_only_debian_12_itself_is_taken() {
        let targets = "http://mirror/debian/ bookworm main\n\
                       http://mirror/debian/ bookworm main\n\
                       http://mirror/debian/ bookworm contrib\n\
                       http://mirror/debian-security/ bookworm-security main\n\
                       https://elsewhere/apt/ stable main\n\
                       cdrom:[Debian]/ bookworm main\n";
        let key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
        assert_eq!(
            lines_of_debian(targets),
            [
                format!("deb {key} http://mirror/debian-security/ bookworm-security main"),
                format!("deb {key} http://mirror/debian/ bookworm main"),
            ]
        );
        assert_eq!(
            lines_of_debian("http://ports/ubuntu/ noble main\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_change_of_any_source_is_a_change_of_the_inputs() {
        let root = tempfile::tempdir().unwrap();
        for source in SOURCES {
            let path = root.path().join(source);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "one").unwrap();
        }
        let before = inputs(root.path()).unwrap();
        assert_eq!(inputs(root.path()).unwrap(), before);
        for source in SOURCES {
            std::fs::write(root.path().join(source), "two").unwrap();
            assert_ne!(inputs(root.path()).unwrap(), before, "{source}");
            std::fs::write(root.path().join(source), "one").unwrap();
        }
        std::fs::remove_file(root.path().join(SOURCES[3])).unwrap();
        assert!(
            inputs(root.path())
                .unwrap_err()
                .to_string()
                .contains(SOURCES[3])
        );
    }
}

//! The VM's second disk: the guest's side of the lab, the job, and the repository and its programs at their own paths.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::select::Inside;
use super::{Store, boot};
use crate::process;
use crate::repo::Repo;

/// Room for what tests write beside the repository. The file is sparse, so that it costs nothing.
const ROOM: u64 = 1 << 30;
/// The guest's own files, in `tests/vm`.
const GUEST: [&str; 2] = ["init", "run-tests"];

/// What goes in.
#[derive(Debug)]
pub(crate) struct Payload {
    repo: PathBuf,
    /// Files of the repository and programs, each with the absolute path that it has here and will have there.
    files: BTreeSet<PathBuf>,
    /// The directories outside the repository that hold programs.
    folders: BTreeSet<PathBuf>,
}

impl Payload {
    /// The repository as it is in the working tree, and these programs.
    pub(crate) fn of<'a>(
        repo: &Repo,
        programs: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self> {
        let mut payload = Self {
            repo: repo.root.clone(),
            files: BTreeSet::new(),
            folders: BTreeSet::new(),
        };
        walk(&repo.root, &mut payload.files)?;
        for program in programs {
            payload.add(program)?;
        }
        Ok(payload)
    }

    /// The same with test programs, and all the programs and examples beside them that tests may start.
    pub(crate) fn of_tests(repo: &Repo, programs: &[Inside]) -> Result<Self> {
        let mut payload = Self::of(
            repo,
            programs
                .iter()
                .map(|inside| inside.program.executable.as_path()),
        )?;
        // target/…/debug/deps/test-1234: programs are in debug, examples in debug/examples.
        let profiles: BTreeSet<_> = programs
            .iter()
            .filter_map(|inside| inside.program.executable.parent()?.parent())
            .map(Path::to_owned)
            .collect();
        for profile in profiles {
            for program in crate::suite::programs_of(&profile)? {
                payload.add(&program)?;
            }
        }
        Ok(payload)
    }

    fn add(&mut self, program: &Path) -> Result<()> {
        ensure!(
            program.is_absolute(),
            "{} is no absolute path",
            program.display()
        );
        if !program.starts_with(&self.repo) {
            self.folders.extend(program.parent().map(Path::to_owned));
        }
        self.files.insert(program.to_owned());
        Ok(())
    }

    /// Makes the disk: a file without a name, so that nothing has to be cleaned up after it. `programs` are for
    /// `run-tests`, if that is the job.
    pub(crate) fn disk(&self, store: &Store, job: &str, programs: &[Inside]) -> Result<File> {
        let _lock = store.lock()?;
        let stage = Stage::new(store.path("stage"))?;
        for name in GUEST {
            stage.take(&self.repo.join("tests/vm").join(name), Path::new(name))?;
        }
        std::fs::write(stage.path.join("job"), job)?;
        std::fs::write(stage.path.join("programs"), program_list(programs)?)?;
        std::fs::write(stage.path.join("directories"), self.directory_list()?)?;
        let mut size = ROOM;
        for file in &self.files {
            size += stage.take(file, &Path::new("tree").join(file.strip_prefix("/")?))?;
        }
        let disk = tempfile::tempfile_in(&store.directory)?;
        disk.set_len(size)?;
        // No journal: nobody reads this disk after a crash.
        let options = [
            "-q",
            "-F",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1",
            "-d",
        ];
        process::run(
            Command::new("mke2fs")
                .args(options)
                .arg(&stage.path)
                .arg(boot::name(&disk))
                .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin"),
        )?;
        Ok(disk)
    }

    /// For tests/vm/init: what to bind where it is here.
    fn directory_list(&self) -> Result<String> {
        let mut list = String::new();
        for directory in std::iter::once(&self.repo).chain(&self.folders) {
            writeln!(list, "{}", utf8(directory)?)?;
        }
        Ok(list)
    }
}

/// For tests/vm/run-tests: directory, program, heading, options.
fn program_list(programs: &[Inside]) -> Result<String> {
    let mut list = String::new();
    for Inside { program, skip, .. } in programs {
        let options: Vec<_> = skip.iter().map(|test| format!("--skip {test}")).collect();
        let line = format!(
            "{}\t{}\t{} {}\t{}",
            utf8(&program.directory)?,
            utf8(&program.executable)?,
            program.package,
            program.source,
            options.join(" ")
        );
        ensure!(!line.contains('\n'), "a path with a line break: {line:?}");
        writeln!(list, "{line}")?;
    }
    Ok(list)
}

/// A directory that is filled, read once, and gone again.
struct Stage {
    path: PathBuf,
}

impl Stage {
    fn new(path: PathBuf) -> Result<Self> {
        // One that was killed in the middle has left its own; the store is locked, so nobody uses it.
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir(&path)?;
        Ok(Self { path })
    }

    /// Puts `file` at `name`, and returns how many bytes it takes on a disk with blocks of 4 KiB.
    fn take(&self, file: &Path, name: &Path) -> Result<u64> {
        let at = self.path.join(name);
        std::fs::create_dir_all(at.parent().unwrap_or(&self.path))?;
        // A link costs nothing; where it cannot be (another file system, another owner), a copy.
        if std::fs::hard_link(file, &at).is_err() {
            std::fs::copy(file, &at).with_context(|| format!("cannot copy {}", file.display()))?;
        }
        Ok(at.symlink_metadata()?.len().next_multiple_of(4096) + 4096)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The files below `directory`, without git's and without what a tool has marked as its cache, which is how cargo
/// marks its target directories (<https://bford.info/cachedir/>).
fn walk(directory: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    if directory.join("CACHEDIR.TAG").exists() {
        return Ok(());
    }
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            if entry.file_name() != ".git" && entry.file_name() != ".vagrant" {
                walk(&path, files)?;
            }
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

/// One word for sh. Bytes that are not UTF-8 are kept by `printf`, since the job is text.
pub(crate) fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    match word.to_str() {
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => {
            let octal = word
                .as_bytes()
                .iter()
                .fold(String::new(), |mut octal, byte| {
                    let _ = write!(octal, "\\{byte:03o}");
                    octal
                });
            format!("\"$(printf '{octal}')\"")
        }
    }
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("the VM's lists are text, and {} is not", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_through_a_shell_as_it_was() {
        for word in ["", "a b", "it's", "$(x) `y` \"z\" \\", "*"] {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, word.as_bytes(), "{script}");
        }
        let bytes = OsStr::from_bytes(b"a\xff'b");
        let output = Command::new("sh")
            .args(["-c", &format!("printf %s {}", quoted(bytes))])
            .output()
            .unwrap();
        assert_eq!(output.stdout, bytes.as_bytes());
    }

    #[test]
    fn caches_and_git_stay_outside() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "a/b.rs",
            ".git/HEAD",
            "target/CACHEDIR.TAG",
            "target/debug/x",
            ".cargo/config.toml",
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut files = BTreeSet::new();
        walk(root.path(), &mut files).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.strip_prefix(root.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, [".cargo/config.toml", "a/b.rs"]);
    }
}

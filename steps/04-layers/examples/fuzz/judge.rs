//! What must hold whatever the archive is.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use layers::diff::changes;
use layers::extract::{Options, extract};
use layers::pack::pack;
use layers::tar::{Kind, Limits, Reader};
use layers::whiteout::Namespace;
use tempfile::TempDir;

pub(crate) enum Verdict {
    Accepted(String),
    Refused(String),
    /// A rule was broken: this one.
    Broken(String),
}

pub(crate) struct Judge {
    scratch: TempDir,
    options: Options,
    before: BTreeSet<String>,
}

/// Far longer than anything takes that the limits allow.
const PATIENCE: Duration = Duration::from_secs(20);

impl Judge {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let outside = scratch.path().join("outside");
        fs::create_dir_all(outside.join("directory")).expect("a directory");
        fs::write(outside.join("victim"), "untouched").expect("a file");
        let is_root = nix::unistd::geteuid().is_root();
        let options = Options {
            namespace: if is_root {
                Namespace::Trusted
            } else {
                Namespace::User
            },
            keep_owners: is_root,
            limits: Limits {
                header: 1 << 16,
                entries: 1000,
                data: 1 << 20,
            },
        };
        let before = fingerprint(&outside);
        Self {
            scratch,
            options,
            before,
        }
    }

    /// What an archive would like to reach.
    pub(crate) fn outside(&self) -> PathBuf {
        self.scratch.path().join("outside")
    }

    pub(crate) fn judge(&self, archive: &[u8]) -> Verdict {
        let start = Instant::now();
        let verdict = catch_unwind(AssertUnwindSafe(|| self.unpack(archive)));
        let verdict = verdict.unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<String>().cloned();
            Verdict::Broken(format!("panic: {}", message.unwrap_or_default()))
        });
        for name in ["layer", "again"] {
            self.clear(name);
        }
        if fingerprint(&self.outside()) != self.before || self.strangers() {
            return Verdict::Broken("something outside the layer was touched".to_owned());
        }
        if start.elapsed() > PATIENCE {
            return Verdict::Broken("it took too long".to_owned());
        }
        verdict
    }

    fn unpack(&self, archive: &[u8]) -> Verdict {
        let layer = self.fresh("layer");
        let unpacked = match extract(archive, &layer, self.options) {
            Ok(unpacked) => unpacked,
            Err(error) => return Verdict::Refused(without_particulars(&error.to_string())),
        };
        // Holes are packed as zeroes, and take as long.
        if unpacked.size < self.options.limits.data
            && let Err(rule) = self.round_trip(&layer)
        {
            return Verdict::Broken(rule);
        }
        Verdict::Accepted(behaviour(archive, self.options.limits))
    }

    /// What could be unpacked can be packed, always to the same bytes, and these stand for the same layer.
    fn round_trip(&self, layer: &Path) -> Result<(), String> {
        let packed = |directory: &Path| {
            let mut bytes = Vec::new();
            pack(directory, self.options.namespace, &mut bytes)
                .map(|_| bytes)
                .map_err(|error| format!("cannot pack: {error}"))
        };
        let first = packed(layer)?;
        let again = self.fresh("again");
        extract(&first[..], &again, self.options)
            .map_err(|error| format!("cannot unpack what we packed: {error}"))?;
        if packed(&again)? != first {
            return Err("packed again, it is another archive".to_owned());
        }
        changes(layer, &[again], self.options.namespace)
            .map(drop)
            .map_err(|error| format!("cannot compare: {error}"))
    }

    fn fresh(&self, name: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::create_dir(&path).expect("the last one was removed");
        path
    }

    fn clear(&self, name: &str) {
        let top = fs::File::open(self.scratch.path()).expect("our own directory");
        let name = CString::new(name).expect("no NUL");
        layers::remove(top.as_fd(), &name).expect("what was unpacked can be removed");
    }

    fn strangers(&self) -> bool {
        fs::read_dir(self.scratch.path()).map_or(0, Iterator::count) != 1
    }
}

/// Names, kinds, modes, owners, sizes, times and contents.
fn fingerprint(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let status = fs::symlink_metadata(&path).expect("what is outside stays");
        let contents = if status.is_file() {
            fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        found.insert(format!(
            "{path:?} {:o} {} {} {} {} {} {contents:?}",
            status.mode(),
            status.uid(),
            status.gid(),
            status.nlink(),
            status.ctime(),
            status.ctime_nsec()
        ));
        if status.is_dir() {
            let entries = fs::read_dir(&path).expect("our own directory");
            left.extend(entries.flatten().map(|entry| entry.path()));
        }
    }
    found
}

/// Which kinds of entries it had, and of what shape.
fn behaviour(archive: &[u8], limits: Limits) -> String {
    let mut kinds = BTreeSet::new();
    let mut reader = Reader::new(archive, limits);
    while let Ok(Some(entry)) = reader.next_entry() {
        let kind = match entry.kind {
            Kind::File { size: 0 } => "empty",
            Kind::File { .. } => "file",
            Kind::Directory => "directory",
            Kind::Symlink { .. } => "symlink",
            Kind::HardLink { .. } => "link",
            Kind::CharacterDevice { .. } | Kind::BlockDevice { .. } => "device",
            Kind::Fifo => "fifo",
        };
        kinds.insert(format!(
            "{kind}{}{}{}",
            entry.xattrs.len().min(2),
            u8::from(entry.path.len() > 100),
            u8::from(entry.mtime.seconds < 0)
        ));
    }
    kinds.into_iter().collect::<Vec<_>>().join(" ")
}

/// The sentence without what is of this one archive, so that the same reason is the same.
fn without_particulars(sentence: &str) -> String {
    const KINDS: [&str; 5] = [
        "is an entry of the unknown type",
        "cannot link to",
        "cannot find, in the layer, the directory",
        "cannot set the extended attribute",
        "cannot remove",
    ];
    let code = sentence.rsplit(' ').next().unwrap_or_default();
    if let Some(kind) = KINDS.iter().find(|kind| sentence.contains(**kind)) {
        return match code.starts_with('(') {
            true => format!("{kind} … {code}"),
            false => (*kind).to_owned(),
        };
    }
    let reason = match sentence.starts_with("cannot unpack ") {
        true => sentence.rsplit(": ").next().unwrap_or_default(),
        false => sentence,
    };
    reason
        .chars()
        .filter(|c| c.is_ascii() && !c.is_ascii_digit())
        .take(100)
        .collect()
}

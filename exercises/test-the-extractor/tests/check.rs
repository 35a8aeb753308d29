//! The programs that the learner's test has to tell apart: one that is right, and wrong ones.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use checks::tester::{Judgement, accepted, rejected};
use checks::{Check, Outcome};
use exercise::Entry;
use kit::sys::descriptor::openat2;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "right",
            asks: "the right program is accepted",
            run: || accepts(None),
        },
        Check {
            id: "refuses-links-out",
            asks: "so is one that refuses links that lead out, which is right as well",
            run: || accepts(Some(Fault::RefusesLinksOut)),
        },
        Check {
            id: "dots",
            asks: "a program that accepts `..` is rejected",
            run: || rejects(Fault::Dots),
        },
        Check {
            id: "way",
            asks: "a program that walks through links on the way is rejected",
            run: || rejects(Fault::Way),
        },
        Check {
            id: "way-for-new-files",
            asks: "also if it spares files that are there already",
            run: || rejects(Fault::WayForNewFiles),
        },
        Check {
            id: "last",
            asks: "a program that writes through the last component is rejected",
            run: || rejects(Fault::Last),
        },
        Check {
            id: "mode",
            asks: "a program that sets permissions through a link is rejected",
            run: || rejects(Fault::Mode),
        },
        Check {
            id: "nothing",
            asks: "a program that refuses everything is rejected",
            run: || rejects(Fault::Nothing),
        },
        Check {
            id: "no-links",
            asks: "a program that refuses every link is rejected",
            run: || rejects(Fault::NoLinks),
        },
        Check {
            id: "first",
            asks: "a program that keeps the first of two files is rejected",
            run: || rejects(Fault::First),
        },
    ])
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    RefusesLinksOut,
    Dots,
    Way,
    WayForNewFiles,
    Last,
    Mode,
    Nothing,
    NoLinks,
    First,
}

fn judge(fault: Option<Fault>) -> Outcome<Judgement> {
    let scratch = Path::new("/tmp/scratch");
    fs::create_dir(scratch)?;
    Ok(exercise::judge(
        &|entries, layer| unpack(fault, entries, layer),
        scratch,
    ))
}

fn accepts(fault: Option<Fault>) -> Outcome {
    accepted(judge(fault)?)
}

fn rejects(fault: Fault) -> Outcome {
    rejected(judge(Some(fault))?)
}

fn unpack(fault: Option<Fault>, entries: &[Entry<'_>], layer: &Path) -> Result<(), String> {
    if fault == Some(Fault::Nothing) {
        return Err("refused".to_owned());
    }
    let top = File::open(layer).map_err(|error| error.to_string())?;
    for entry in entries {
        one(fault, *entry, &top).map_err(|errno| format!("{entry:?}: {errno:?}"))?;
    }
    Ok(())
}

const DIRECTORY: libc::c_int = libc::O_RDONLY | libc::O_DIRECTORY;

fn one(fault: Option<Fault>, entry: Entry<'_>, top: &File) -> nix::Result<()> {
    let (Entry::File(name, _) | Entry::Directory(name, _) | Entry::Link(name, _)) = entry;
    let steps_out = name.split('/').any(|part| part == "..");
    if name.starts_with('/') || (steps_out && fault != Some(Fault::Dots)) {
        return Err(Errno::EPERM);
    }
    let (parent, last) = name.rsplit_once('/').unwrap_or((".", name));
    let parent = parent_of(fault, top, parent, last)?;
    match entry {
        Entry::File(_, contents) => file(fault, &parent, last, contents),
        Entry::Directory(_, mode) => directory(fault, &parent, last, mode),
        Entry::Link(..) if fault == Some(Fault::NoLinks) => Err(Errno::EPERM),
        Entry::Link(_, target)
            if fault == Some(Fault::RefusesLinksOut)
                && (target.starts_with('/') || target.contains("..")) =>
        {
            Err(Errno::EPERM)
        }
        Entry::Link(_, target) => symlinkat(target, &parent, last),
    }
}

fn parent_of(fault: Option<Fault>, top: &File, parent: &str, last: &str) -> nix::Result<OwnedFd> {
    let text = std::ffi::CString::new(parent).map_err(|_| Errno::EINVAL)?;
    let anywhere = || openat2(top, &text, DIRECTORY, 0, 0);
    match fault {
        Some(Fault::Dots | Fault::Way) => anywhere(),
        Some(Fault::WayForNewFiles) => {
            let found = anywhere()?;
            let is_there = nix::sys::stat::fstatat(&found, last, nix::fcntl::AtFlags::empty());
            match is_there {
                Ok(_) => openat2(top, &text, DIRECTORY, 0, libc::RESOLVE_BENEATH),
                Err(_) => Ok(found),
            }
        }
        _ => openat2(top, &text, DIRECTORY, 0, libc::RESOLVE_BENEATH),
    }
}

fn remove(parent: &OwnedFd, name: &str) -> nix::Result<()> {
    match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

fn file(fault: Option<Fault>, parent: &OwnedFd, name: &str, contents: &str) -> nix::Result<()> {
    let mut flags = OFlag::O_WRONLY | OFlag::O_CREAT;
    match fault {
        Some(Fault::Last) => flags |= OFlag::O_TRUNC,
        Some(Fault::First) => flags |= OFlag::O_EXCL,
        _ => {
            remove(parent, name)?;
            flags |= OFlag::O_EXCL;
        }
    }
    match openat(parent, name, flags, Mode::from_bits_truncate(0o644)) {
        Ok(file) => File::from(file)
            .write_all(contents.as_bytes())
            .map_err(|_| Errno::EIO),
        Err(Errno::EEXIST) if fault == Some(Fault::First) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn directory(fault: Option<Fault>, parent: &OwnedFd, name: &str, mode: u32) -> nix::Result<()> {
    let path = format!(
        "/proc/self/fd/{}/{name}",
        std::os::fd::AsRawFd::as_raw_fd(&parent.as_fd())
    );
    let is_directory = match fault {
        Some(Fault::Mode) => Path::new(&path).is_dir(),
        _ => fs::symlink_metadata(&path).is_ok_and(|status| status.is_dir()),
    };
    if !is_directory {
        remove(parent, name)?;
        mkdirat(parent, name, Mode::from_bits_truncate(0o700))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|_| Errno::EIO)
}

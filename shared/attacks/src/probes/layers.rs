//! Attacks by an archive: what it does when it is unpacked, before there is any container.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bait::{Bait, Ground, Image};
use crate::place::HOST;
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "layer-dotdot",
        what: "write to the host's files by a `..` in its layer",
        stopped_by: "layers",
        means: "such a name is refused",
        cves: &[],
        attempt: too_late,
        bait: |_| lay_canary(&[Entry::file(&format!("..{}{CANARY}", "/..".repeat(15)))]),
    },
    Probe {
        slug: "layer-symlink",
        what: "write to the host's files through a symlink of its layer",
        stopped_by: "layers",
        means: "`openat2` with `RESOLVE_IN_ROOT` finds the directory of each entry",
        cves: &[],
        attempt: too_late,
        bait: |_| lay_canary(&[Entry::link("way", HOST), Entry::file("way/layer-canary")]),
    },
    Probe {
        slug: "layer-chmod",
        what: "open a directory of the host to all, through a symlink of its layer",
        stopped_by: "layers",
        means: "modes are set on the descriptor of what was just made",
        cves: &["CVE-2026-33056"],
        attempt: too_late,
        bait: lay_directory,
    },
];

const CANARY: &str = "/srv/host/layer-canary";
const CLOSED: &str = "/srv/host/closed";

/// It is done by whoever unpacks the layer, or not at all.
pub(super) fn too_late(_: &[String]) -> Attempt {
    Err(Refusal::NotRun(
        "this is done when the image is fetched".into(),
    ))
}

fn lay_canary(entries: &[Entry]) -> std::io::Result<Bait> {
    fs::write(CANARY, "")?;
    let mut bait = Bait::seen_by(|| {
        let length = fs::metadata(CANARY).map_or(1, |file| file.len());
        (length > 0).then(|| "the host's file has changed".into())
    });
    bait.image = Some(Image::Archive(archive(entries)));
    Ok(bait)
}

fn lay_directory(_: &Ground<'_>) -> std::io::Result<Bait> {
    fs::create_dir(CLOSED)?;
    fs::set_permissions(CLOSED, fs::Permissions::from_mode(0o700))?;
    let mut bait = Bait::seen_by(|| {
        let mode = fs::metadata(CLOSED).map_or(0, |found| found.permissions().mode() & 0o777);
        (mode != 0o700).then(|| format!("the host's directory has the mode {mode:o}"))
    });
    let entries = [Entry::link("way", CLOSED), Entry::directory("way")];
    bait.image = Some(Image::Archive(archive(&entries)));
    Ok(bait)
}

/// One entry of an archive. A writer of ours would refuse the names.
struct Entry {
    name: String,
    kind: u8,
    target: String,
    contents: &'static [u8],
}

impl Entry {
    fn new(name: &str, kind: u8, target: &str, contents: &'static [u8]) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            target: target.to_owned(),
            contents,
        }
    }

    fn file(name: &str) -> Self {
        Self::new(name, b'0', "", b"attacked")
    }

    fn link(name: &str, target: &str) -> Self {
        Self::new(name, b'2', target, b"")
    }

    fn directory(name: &str) -> Self {
        Self::new(name, b'5', "", b"")
    }

    /// The header's 512 bytes (tar(5), "POSIX ustar Archives"), and the contents in as many blocks as they take.
    fn bytes(&self) -> Vec<u8> {
        let mut header = vec![0; 512];
        let mut put =
            |at: usize, text: &str| header[at..][..text.len()].copy_from_slice(text.as_bytes());
        put(0, &self.name);
        put(100, "0000777");
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", self.contents.len()));
        put(136, "00000000000");
        // The sum is taken with blanks in its own place.
        put(148, "        ");
        put(157, &self.target);
        put(257, "ustar\x0000");
        header[156] = self.kind;
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend(self.contents);
        header.resize(header.len().next_multiple_of(512), 0);
        header
    }
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    bytes.extend([0; 1024]);
    bytes
}

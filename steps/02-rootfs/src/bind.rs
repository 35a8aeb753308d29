//! What the user adds to a root file system: `--bind SRC:DST[:OPTIONS]` and `--tmpfs DST[:OPTIONS]`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::{Error, Result};

use crate::mount::{Attributes, Mount, Propagation, PropagationKind, Source, c_string, clean};

/// A file or directory of the host that appears in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// On the host; relative to the working directory.
    pub source: PathBuf,
    /// In the container: absolute, without `.`, `..` and double slashes.
    pub target: PathBuf,
    /// Whether it and every mount below it cannot be written to.
    pub read_only: bool,
    /// Whether mounts below it appear on the other side too.
    pub propagation: Propagation,
}

impl From<Bind> for Mount {
    fn from(bind: Bind) -> Self {
        Self {
            target: bind.target,
            source: Source::Bind {
                path: bind.source,
                recursive: true,
            },
            attributes: Attributes {
                recursive_set: match bind.read_only {
                    true => libc::MOUNT_ATTR_RDONLY,
                    false => 0,
                },
                ..Attributes::default()
            },
            propagation: Some(bind.propagation),
        }
    }
}

/// An empty file system in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// In the container: absolute, without `.`, `..` and double slashes.
    pub target: PathBuf,
    /// `MOUNT_ATTR_*`.
    pub attributes: u64,
    /// The file system's own options, as tmpfs(5) has them: `size=64m`, `mode=1777` …
    pub options: Vec<(String, String)>,
}

impl From<Tmpfs> for Mount {
    fn from(tmpfs: Tmpfs) -> Self {
        let option = |(key, value): &(String, String)| {
            (c_string(key.as_bytes()), Some(c_string(value.as_bytes())))
        };
        Self {
            target: tmpfs.target,
            source: Source::FileSystem {
                kind: c"tmpfs".into(),
                source: None,
                options: tmpfs.options.iter().map(option).collect(),
            },
            attributes: Attributes::set(tmpfs.attributes),
            propagation: None,
        }
    }
}

const BIND_FORM: &str = "the form is SOURCE:TARGET or SOURCE:TARGET:ro, TARGET absolute; a path with a colon cannot be written in it";

impl Bind {
    /// `source` of the host at `target` in the container, as it is.
    ///
    /// # Errors
    /// What is wrong: an empty source, a target that is not absolute or is the root itself.
    pub fn new(source: &OsStr, target: &OsStr) -> Result<Self, &'static str> {
        if source.is_empty() {
            return Err("the source is empty");
        }
        Ok(Self {
            source: source.into(),
            target: clean_target(target.as_bytes())?,
            read_only: false,
            propagation: Propagation::RPRIVATE,
        })
    }

    /// Reads `SRC:DST[:OPTIONS]`. Paths are bytes, and need not be UTF-8.
    ///
    /// # Errors
    /// Another number of colons, an empty source, a target that is not absolute or is the root itself, an option that
    /// is not known.
    pub fn parse(text: &OsStr) -> Result<Self> {
        let refuse = |why: &str| Error::new(format!("cannot bind {}: {why}", text.display()));
        let parts: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b':').collect();
        let (source, target, options) = match parts[..] {
            [source, target] => (source, target, &b""[..]),
            [source, target, options] => (source, target, options),
            [_] => return Err(refuse("there is no target").hint(BIND_FORM)),
            _ => return Err(refuse("there are more than two colons").hint(BIND_FORM)),
        };
        let mut bind = Self::new(OsStr::from_bytes(source), OsStr::from_bytes(target))
            .map_err(|why| refuse(why).hint(BIND_FORM))?;
        for option in comma_separated(options) {
            match option {
                b"ro" => bind.read_only = true,
                b"rw" => bind.read_only = false,
                other => {
                    bind.propagation = Propagation::parse(other)
                        .filter(|propagation| propagation.kind != PropagationKind::Unbindable)
                        .ok_or_else(|| refuse(&unknown(other)).hint(BIND_OPTIONS))?;
                }
            }
        }
        Ok(bind)
    }
}

const BIND_OPTIONS: &str = "the options are ro, rw, [r]private, [r]slave (what the host mounts below it appears in the \
                            container) and [r]shared (the other way too)";

impl Tmpfs {
    /// Reads `DST[:OPTIONS]`. Without options it is as Docker makes it: nosuid, nodev, noexec, mode 1777.
    ///
    /// # Errors
    /// A target that is not absolute or is the root itself, an option that is not known.
    pub fn parse(text: &OsStr) -> Result<Self> {
        let refuse =
            |why: &str| Error::new(format!("cannot mount a tmpfs on {}: {why}", text.display()));
        let bytes = text.as_bytes();
        let colon = bytes.iter().position(|byte| *byte == b':');
        let (target, options) = match colon {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (bytes, &b""[..]),
        };
        let mut tmpfs = Self {
            target: clean_target(target).map_err(|why| refuse(why).hint(TMPFS_OPTIONS))?,
            attributes: libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC,
            options: vec![("mode".into(), "1777".into())],
        };
        for option in comma_separated(options) {
            tmpfs
                .apply(option)
                .ok_or_else(|| refuse(&unknown(option)).hint(TMPFS_OPTIONS))?;
        }
        Ok(tmpfs)
    }

    fn apply(&mut self, option: &[u8]) -> Option<()> {
        match option {
            b"ro" => self.attributes |= libc::MOUNT_ATTR_RDONLY,
            b"rw" => self.attributes &= !libc::MOUNT_ATTR_RDONLY,
            b"suid" => self.attributes &= !libc::MOUNT_ATTR_NOSUID,
            b"nosuid" => self.attributes |= libc::MOUNT_ATTR_NOSUID,
            b"dev" => self.attributes &= !libc::MOUNT_ATTR_NODEV,
            b"nodev" => self.attributes |= libc::MOUNT_ATTR_NODEV,
            b"exec" => self.attributes &= !libc::MOUNT_ATTR_NOEXEC,
            b"noexec" => self.attributes |= libc::MOUNT_ATTR_NOEXEC,
            _ => {
                let (key, value) = std::str::from_utf8(option).ok()?.split_once('=')?;
                if !matches!(key, "size" | "mode" | "uid" | "gid" | "nr_inodes") || value.is_empty()
                {
                    return None;
                }
                self.options.retain(|(existing, _)| existing != key);
                self.options.push((key.to_owned(), value.to_owned()));
            }
        }
        Some(())
    }
}

const TMPFS_OPTIONS: &str = "the form is TARGET or TARGET:OPTIONS, TARGET absolute; the options are ro, rw, [no]suid, [no]dev, \
                             [no]exec, size=, mode=, uid=, gid= and nr_inodes=, separated by commas";

fn unknown(option: &[u8]) -> String {
    format!("unknown option {:?}", OsStr::from_bytes(option))
}

fn comma_separated(options: &[u8]) -> impl Iterator<Item = &[u8]> {
    options
        .split(|byte| *byte == b',')
        .filter(|option| !option.is_empty())
}

fn clean_target(target: &[u8]) -> Result<PathBuf, &'static str> {
    if !target.starts_with(b"/") {
        return Err("the target is not an absolute path");
    }
    let clean = clean(Path::new(OsStr::from_bytes(target)));
    if clean == Path::new("/") {
        return Err("the target is the root itself");
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Result<(String, String, bool), String> {
        Bind::parse(OsStr::new(text))
            .map(|b| {
                let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
                (text(b.source), text(b.target), b.read_only)
            })
            .map_err(|error| {
                assert!(error.hint_text().is_some(), "{error}");
                error.to_string()
            })
    }

    #[test]
    fn a_bind_has_a_source_a_target_and_perhaps_options() {
        for (text, source, target, read_only) in [
            ("/a:/b", "/a", "/b", false),
            ("a:/b:ro", "a", "/b", true),
            ("../a:/b/:rw", "../a", "/b", false),
            ("/a:/b:ro,rprivate", "/a", "/b", true),
            ("/a:/b:", "/a", "/b", false),
            ("/a://x/./y/../../../z", "/a", "/z", false),
        ] {
            let expected = (source.to_owned(), target.to_owned(), read_only);
            assert_eq!(bind(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_bind_is_refused_for_its_reason() {
        for (text, reason) in [
            ("/a", "there is no target"),
            ("", "there is no target"),
            ("/a:", "the target is not an absolute path"),
            ("/a:b", "the target is not an absolute path"),
            (":/b", "the source is empty"),
            ("/a:/", "the target is the root itself"),
            ("/a:/b/..", "the target is the root itself"),
            ("/a:/b:ro:rw", "there are more than two colons"),
            ("/a:/b:rbind", "unknown option \"rbind\""),
            ("/a:/b:unbindable", "unknown option \"unbindable\""),
            ("/a:/b:ro,z", "unknown option \"z\""),
        ] {
            let refusal = format!("cannot bind {text}: {reason}");
            assert_eq!(bind(text), Err(refusal), "{text}");
        }
    }

    #[test]
    fn a_bind_need_not_be_utf8() {
        let bind = Bind::parse(OsStr::from_bytes(b"/\xff:/\xfe:ro")).unwrap();
        assert_eq!(bind.source.as_os_str().as_bytes(), b"/\xff");
        assert_eq!(bind.target.as_os_str().as_bytes(), b"/\xfe");
    }

    #[test]
    fn a_tmpfs_is_as_docker_makes_it_unless_told() {
        let plain = Tmpfs::parse(OsStr::new("/tmp")).unwrap();
        let closed = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
        assert_eq!(plain.attributes, closed);
        assert_eq!(plain.options, [("mode".into(), "1777".into())]);

        let open = Tmpfs::parse(OsStr::new("/tmp:exec,ro,size=1m,mode=700")).unwrap();
        let expected = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_RDONLY;
        assert_eq!(open.attributes, expected);
        let options = [("size", "1m"), ("mode", "700")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(open.options, options);

        for text in [
            "tmp",
            "/",
            "/tmp:sync",
            "/tmp:size",
            "/tmp:size=",
            "/tmp:huge=always",
        ] {
            let error = Tmpfs::parse(OsStr::new(text)).unwrap_err();
            assert!(error.hint_text().is_some(), "{error}");
        }
    }
}

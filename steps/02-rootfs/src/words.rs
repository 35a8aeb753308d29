//! Mount options as the OCI runtime specification and fstab(5) write them: `nosuid`, `rbind`, `rslave`, `size=64m`.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use kit::{Error, Result};

use crate::mount::{Attributes, Mount, Propagation, Source};

/// What a list of words says, before it is known what they are for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    attributes: Attributes,
    propagation: Option<Propagation>,
    /// `bind` or `rbind`, and then whether recursive.
    bind: Option<bool>,
    data: Vec<(CString, Option<CString>)>,
}

impl Mount {
    /// A mount as the specification describes it: `destination`, `type`, `source` and `options`. A word that is neither
    /// an attribute nor a propagation is the file system's own.
    ///
    /// # Errors
    /// `tmpcopyup`, `idmap` and `ridmap`, which are not supported; a bind without a source or with options of a file
    /// system; neither a type nor a bind.
    pub fn from_options<'w>(
        target: impl Into<PathBuf>,
        kind: Option<&str>,
        source: Option<&Path>,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Result<Self> {
        let target = target.into();
        let refuse = |why: &str| Error::new(format!("cannot mount on {}: {why}", target.display()));
        let words = Words::read(words).map_err(|(why, hint)| refuse(&why).hint(hint))?;
        let recursive = words.bind.or(match kind {
            Some("bind") => Some(false),
            Some("rbind") => Some(true),
            _ => None,
        });
        let source = match (recursive, kind, source) {
            (Some(_), _, None) => {
                return Err(
                    refuse("a bind needs a source").hint("name a file or directory of the host")
                );
            }
            (Some(recursive), _, Some(path)) => {
                if let Some((key, _)) = words.data.first() {
                    let why = format!("a bind does not take the option {key:?}");
                    return Err(refuse(&why).hint(
                        "it shows a file system that is mounted already, whose own options stay as they are",
                    ));
                }
                Source::Bind {
                    path: path.to_owned(),
                    recursive,
                }
            }
            (None, None | Some("" | "none"), _) => {
                return Err(refuse("it has no type").hint(
                    "name a file system's type, such as tmpfs, or give the option bind or rbind",
                ));
            }
            (None, Some(kind), source) => {
                let text =
                    |bytes: &[u8]| whole(bytes).map_err(|(why, hint)| refuse(&why).hint(hint));
                Source::FileSystem {
                    kind: text(kind.as_bytes())?,
                    source: source
                        .map(|path| text(path.as_os_str().as_encoded_bytes()))
                        .transpose()?,
                    options: words.data,
                }
            }
        };
        Ok(Self {
            target,
            source,
            attributes: words.attributes,
            propagation: words.propagation,
        })
    }
}

/// What is wrong, and how to mend it.
type Refusal = (String, &'static str);

impl Words {
    fn read<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, Refusal> {
        let mut all = Self::default();
        words.into_iter().try_for_each(|word| all.apply(word))?;
        Ok(all)
    }

    fn apply(&mut self, word: &str) -> Result<(), Refusal> {
        if let Some(propagation) = Propagation::parse(word.as_bytes()) {
            self.propagation = Some(propagation);
            return Ok(());
        }
        if let Some(change) = attribute(word) {
            let Attributes { set, clear, .. } = &mut self.attributes;
            change.apply(set, clear);
            return Ok(());
        }
        if let Some(change) = word.strip_prefix('r').and_then(attribute) {
            let Attributes {
                recursive_set,
                recursive_clear,
                ..
            } = &mut self.attributes;
            change.apply(recursive_set, recursive_clear);
            return Ok(());
        }
        match word {
            // What a mount is anyway. `silent` would only keep the kernel's log quiet, which fsconfig(2) has no word for.
            "" | "defaults" | "silent" | "loud" => {}
            "bind" => self.bind = Some(false),
            "rbind" => self.bind = Some(true),
            "tmpcopyup" => {
                return Err((
                    "the option tmpcopyup is not supported".to_owned(),
                    "a volume begins with what the image has in its place; a tmpfs begins empty",
                ));
            }
            _ if is_idmap(word) => {
                return Err((
                    format!("the option {word} is not supported"),
                    "the files of a mount keep their owners; change them on the host, or map the same users",
                ));
            }
            _ => self.data.push(match word.split_once('=') {
                Some((key, value)) => (whole(key.as_bytes())?, Some(whole(value.as_bytes())?)),
                None => (whole(word.as_bytes())?, None),
            }),
        }
        Ok(())
    }
}

/// Also with a map of its own, as crun has it: `idmap=uids=0-1-10`.
fn is_idmap(word: &str) -> bool {
    matches!(word.split('=').next(), Some("idmap" | "ridmap"))
}

fn whole(bytes: &[u8]) -> Result<CString, Refusal> {
    CString::new(bytes).map_err(|_| {
        (
            format!("{:?} has a NUL byte", String::from_utf8_lossy(bytes)),
            "the kernel's texts end at the first one",
        )
    })
}

/// What a word does to the bits of `MOUNT_ATTR_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Set(u64),
    Clear(u64),
    /// Access times are one field of several bits, which are changed together or not at all (mount_setattr(2)).
    AccessTime(u64),
}

impl Change {
    fn apply(self, set: &mut u64, clear: &mut u64) {
        match self {
            // The last word wins, so what an earlier one said is taken back.
            Self::Set(bits) => {
                *set |= bits;
                *clear &= !bits;
            }
            Self::Clear(bits) => {
                *set &= !bits;
                *clear |= bits;
            }
            Self::AccessTime(value) => {
                *set = (*set & !libc::MOUNT_ATTR__ATIME) | value;
                *clear |= libc::MOUNT_ATTR__ATIME;
            }
        }
    }
}

fn attribute(word: &str) -> Option<Change> {
    use Change::{AccessTime, Clear, Set};
    Some(match word {
        "ro" => Set(libc::MOUNT_ATTR_RDONLY),
        "rw" => Clear(libc::MOUNT_ATTR_RDONLY),
        "nosuid" => Set(libc::MOUNT_ATTR_NOSUID),
        "suid" => Clear(libc::MOUNT_ATTR_NOSUID),
        "nodev" => Set(libc::MOUNT_ATTR_NODEV),
        "dev" => Clear(libc::MOUNT_ATTR_NODEV),
        "noexec" => Set(libc::MOUNT_ATTR_NOEXEC),
        "exec" => Clear(libc::MOUNT_ATTR_NOEXEC),
        "nodiratime" => Set(libc::MOUNT_ATTR_NODIRATIME),
        "diratime" => Clear(libc::MOUNT_ATTR_NODIRATIME),
        "nosymfollow" => Set(libc::MOUNT_ATTR_NOSYMFOLLOW),
        "symfollow" => Clear(libc::MOUNT_ATTR_NOSYMFOLLOW),
        "noatime" => AccessTime(libc::MOUNT_ATTR_NOATIME),
        "strictatime" => AccessTime(libc::MOUNT_ATTR_STRICTATIME),
        // Without any of the others, the kernel's own way since Linux 2.6.30 is `relatime`.
        "relatime" | "norelatime" | "atime" | "nostrictatime" => {
            AccessTime(libc::MOUNT_ATTR_RELATIME)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

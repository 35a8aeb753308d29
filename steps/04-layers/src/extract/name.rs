//! A name from an archive, taken apart. What it could do harm with is gone after this.

use std::ffi::{CStr, CString};

use kit::{Error, Result};

use crate::whiteout::{PREFIX, Whiteout};

/// The components of a relative path without `.` and `..`; none for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    components: Vec<CString>,
}

/// Where aufs kept files of several names, which all were hard links to this one. Layers of its time name them as the
/// targets of hard links.
pub(super) const LINKS: &CStr = c".wh..wh.plnk";

/// The longest path that a system call takes.
const PATH_MAX: usize = 4096;

impl Name {
    /// Takes a name as every reader of layers does: it begins at the layer's root, with a slash (kaniko, `tar -P`) or
    /// without, and a `..` takes away the component before it, by the letters alone. Refuses what no honest archive has.
    pub(super) fn parse(path: &[u8]) -> Result<Self> {
        if path.len() >= PATH_MAX {
            return Err(hostile("a name longer than any path can be (4096 bytes)"));
        }
        let mut components = Vec::new();
        for step in steps(path)? {
            if step.as_bytes() != b".." {
                components.push(step);
            } else if components.pop().is_none() {
                return Err(hostile("a name with `..`"));
            }
        }
        Ok(Self { components })
    }

    /// Whether it lies below one of the directories in which aufs kept its books, at the top of each layer.
    pub(super) fn is_bookkeeping(&self) -> bool {
        let first = self.parents().first();
        first.is_some_and(|first| Whiteout::parse(first.as_bytes()) == Some(Whiteout::Bookkeeping))
    }

    /// Whether it lies in the directory in which aufs kept files of several names (see [`LINKS`]).
    pub(super) fn is_linked(&self) -> bool {
        self.parents().len() == 1 && self.components[0].as_c_str() == LINKS
    }

    /// Refuses a parent that is called like a whiteout: it could never be packed again.
    pub(super) fn check_parents(&self) -> Result<()> {
        self.parents().iter().try_for_each(|part| no_whiteout(part))
    }

    pub(super) fn last(&self) -> Option<&CStr> {
        self.components.last().map(CString::as_c_str)
    }

    /// The directories on the way, the outermost first.
    pub(super) fn parents(&self) -> &[CString] {
        self.components
            .split_last()
            .map_or(&[], |(_, parents)| parents)
    }

    pub(super) fn components(&self) -> &[CString] {
        &self.components
    }
}

/// The components of a path, those aside that lead nowhere; `..` among them.
pub(super) fn steps(path: &[u8]) -> Result<Vec<CString>> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && **part != b"."[..])
        .map(|part| match part {
            b".." => Ok(c"..".to_owned()),
            part => component(part),
        })
        .collect()
}

pub(super) fn no_whiteout(part: &CStr) -> Result<()> {
    match Whiteout::parse(part.to_bytes()) {
        Some(_) => Err(hostile("a directory that is called like a whiteout")),
        None => Ok(()),
    }
}

/// One component: not empty, not a step, no NUL, no slash.
pub(super) fn component(text: &[u8]) -> Result<CString> {
    match text {
        b".." => return Err(hostile("a name with `..`")),
        b"" | b"." => return Err(hostile("a name that is no name")),
        // A whiteout is a name in the archive alone, and that of what is gone is in it.
        _ if text.strip_prefix(PREFIX).unwrap_or(text).len() > 255 => {
            return Err(hostile("a name longer than a file's can be (255 bytes)"));
        }
        _ => {}
    }
    CString::new(text).map_err(|_| hostile("a name with a NUL"))
}

/// Components as one path for a system call; `.` for none.
pub(super) fn joined(components: &[CString]) -> CString {
    let bytes: Vec<&[u8]> = components.iter().map(|c| c.as_bytes()).collect();
    let path = if bytes.is_empty() {
        b".".to_vec()
    } else {
        bytes.join(&b'/')
    };
    CString::new(path).unwrap_or_default()
}

fn hostile(what: &str) -> Error {
    Error::new(format!("the archive has {what}, and is refused")).hint(
        "an honest layer names its files relative to its root, and by names that a file can have",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names_are_taken_apart() {
        let cases: [(&[u8], &[&CStr]); 14] = [
            (b"etc/passwd", &[c"etc", c"passwd"]),
            (b"./etc//passwd", &[c"etc", c"passwd"]),
            (b"/etc/passwd", &[c"etc", c"passwd"]),
            (b"//etc/./passwd/", &[c"etc", c"passwd"]),
            (b"etc/../etc/passwd", &[c"etc", c"passwd"]),
            (b"/a/b/../../c", &[c"c"]),
            (b"a/..", &[]),
            (b"./", &[]),
            (b".", &[]),
            (b"/", &[]),
            (b"", &[]),
            (b"/.", &[]),
            (b"...", &[c"..."]),
            (b"\xff/x", &[c"\xff", c"x"]),
        ];
        for (path, expected) in cases {
            let name = Name::parse(path).unwrap();
            let components: Vec<&CStr> = name.components().iter().map(CString::as_c_str).collect();
            assert_eq!(components, expected);
        }
    }

    /// What has the longest name there is can be gone too.
    #[test]
    fn a_whiteout_is_longer_than_what_is_gone() {
        let whiteout = |length| [b"dir/.wh.".to_vec(), vec![b'n'; length]].concat();
        assert!(Name::parse(&whiteout(255)).is_ok());
        assert!(Name::parse(&whiteout(256)).is_err());
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = [b"x/".repeat(3000), b"y".to_vec()].concat();
        let cases: [&[u8]; 7] = [
            b"../x",
            b"/../x",
            b"a/../../b",
            b"..",
            b"a/\0",
            &long,
            &[b'n'; 256],
        ];
        for path in cases {
            assert!(Name::parse(path).is_err(), "{}", path.escape_ascii());
        }
    }
}

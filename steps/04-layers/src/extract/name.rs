//! A name from an archive, taken apart. What it could do harm with is gone after this.

use std::ffi::{CStr, CString};

use kit::{Error, Result};

use crate::whiteout::{PREFIX, Whiteout};

/// The components of a relative path without `.` and `..`; none for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    components: Vec<CString>,
}

/// The longest path that a system call takes.
const PATH_MAX: usize = 4096;

impl Name {
    /// Refuses what no honest archive of a layer has.
    pub(super) fn parse(path: &[u8]) -> Result<Self> {
        if path.starts_with(b"/") {
            return Err(hostile("an absolute name"));
        }
        if path.len() >= PATH_MAX {
            return Err(hostile("a name longer than any path can be (4096 bytes)"));
        }
        let components = path
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && **part != b"."[..])
            .map(component)
            .collect::<Result<_>>()?;
        let name = Self { components };
        match name
            .parents()
            .iter()
            .any(|part| Whiteout::parse(part.to_bytes()).is_some())
        {
            // It could never be packed again.
            true => Err(hostile("a directory that is called like a whiteout")),
            false => Ok(name),
        }
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
        let cases: [(&[u8], &[&CStr]); 6] = [
            (b"etc/passwd", &[c"etc", c"passwd"]),
            (b"./etc//passwd", &[c"etc", c"passwd"]),
            (b"./", &[]),
            (b".", &[]),
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
        let cases: [&[u8]; 8] = [
            b".wh.dir/file",
            b"/etc/passwd",
            b"../x",
            b"a/../b",
            b"a/..",
            b"..",
            &long,
            &[b'n'; 256],
        ];
        for path in cases {
            assert!(Name::parse(path).is_err(), "{}", path.escape_ascii());
        }
    }
}

//! The modes that directories get in the end. An ordinary user needs them open until everything is in them.

use std::ffi::CStr;

use nix::sys::stat::Mode;

/// In the order in which they came. One after the other in one piece of memory: a hostile archive has a million of them.
#[derive(Default)]
pub(super) struct Modes {
    /// For each, the mode and the path, which ends with a NUL.
    records: Vec<u8>,
    starts: Vec<usize>,
}

const MODE: usize = size_of::<libc::mode_t>();

impl Modes {
    pub(super) fn push(&mut self, path: &CStr, mode: Mode) {
        self.starts.push(self.records.len());
        self.records.extend(mode.bits().to_ne_bytes());
        self.records.extend(path.to_bytes_with_nul());
    }

    /// The deepest first: a parent may not be searched any more once it has its mode. Of two for one directory, the last
    /// comes last.
    pub(super) fn deepest_first(&mut self) -> impl Iterator<Item = (&CStr, Mode)> {
        let mut starts = std::mem::take(&mut self.starts);
        let records = &self.records;
        starts.sort_by_key(|start| std::cmp::Reverse(depth(record(records, *start).0)));
        starts.into_iter().map(|start| record(records, start))
    }
}

fn record(records: &[u8], start: usize) -> (&CStr, Mode) {
    let (mode, rest) = records[start..].split_at(MODE);
    let mode = mode.try_into().map_or(0, libc::mode_t::from_ne_bytes);
    let path = CStr::from_bytes_until_nul(rest).unwrap_or(c".");
    (path, Mode::from_bits_truncate(mode))
}

fn depth(path: &CStr) -> usize {
    match path.to_bytes() {
        b"." => 0,
        path => 1 + path.iter().filter(|byte| **byte == b'/').count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_comes_first_and_the_last_word_last() {
        let mut modes = Modes::default();
        for (path, mode) in [(c"a", 0), (c".", 0o500), (c"a/b/c", 0o111), (c"a", 0o700)] {
            modes.push(path, Mode::from_bits_truncate(mode));
        }
        let shown: Vec<_> = modes
            .deepest_first()
            .map(|(path, mode)| format!("{} {:o}", path.to_string_lossy(), mode.bits()))
            .collect();
        assert_eq!(shown, ["a/b/c 111", "a 0", "a 700", ". 500"]);
    }
}

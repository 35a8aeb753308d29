//! Where a command writes to, and how.

use std::io::{self, ErrorKind, Write};

use kit::{Error, Result};
use template::list::{Format, Kind, Row};

/// Where a command writes to.
pub struct Streams<'a> {
    /// Data.
    pub out: &'a mut (dyn Write + Send),
    /// The rest.
    pub err: &'a mut (dyn Write + Send),
    /// Whether `out` is a terminal.
    pub is_terminal: bool,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams")
            .field("is_terminal", &self.is_terminal)
            .finish_non_exhaustive()
    }
}

impl Streams<'_> {
    pub(crate) fn list(&mut self, format: &Format, kind: &Kind, rows: &[Row]) -> Result<()> {
        let mut bytes = Vec::new();
        format.write(kind, rows, &mut bytes)?;
        written(self.out.write_all(&bytes))
    }

    pub(crate) fn line(&mut self, text: impl std::fmt::Display) -> Result<()> {
        self.text(&format!("{text}\n"))
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        written(self.out.write_all(text.as_bytes()))
    }

    pub(crate) fn warn(&mut self, text: impl std::fmt::Display) {
        // A closed stderr has nobody to tell.
        let _ = writeln!(self.err, "{text}");
    }
}

/// A reader that closes early, as `| head` does, is not an error.
pub(crate) fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| Error::io("write to", "the standard output", &e)),
    }
}

//! The edge that all our programs share: how a result becomes an exit code and a message.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use crate::error::{Error, Result};

/// Reads the command line. `Err` is the exit code, after clap has shown its message: 0 for `--help` and `--version`,
/// else [`FAILED`](crate::error::FAILED), which Docker uses for a wrong flag too.
pub fn parse<T: clap::Parser>() -> Result<T, ExitCode> {
    T::try_parse().map_err(|error| {
        // As in `finish`: a closed stream has nobody to tell. A full disk loses what was asked for.
        let is_shown = match error.print() {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
        };
        match error.exit_code() {
            0 if is_shown => ExitCode::SUCCESS,
            _ => ExitCode::from(crate::error::FAILED),
        }
    })
}

/// Ends a program: `main` returns what this returns. The error, if any, goes to stderr as
/// `PROGRAM: sentence` and `hint: …`; colour only on a terminal that has not refused it (<https://no-color.org>).
pub fn finish(program: &str, result: Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            // stderr may be a closed pipe: then there is nobody left to tell, and the exit code still says it.
            let _ = write_error(&mut std::io::stderr().lock(), program, &error, colour());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Writes what a command was asked for to stdout: the end of `ls`, `stats` and their like.
///
/// # Errors
/// Stdout is closed, or its disk is full. Whoever reads only the beginning (`| head`) has read enough.
pub fn show(bytes: &[u8]) -> Result<ExitCode> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Error::io("write to", "the standard output", &error)),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// Says something on stderr that is neither an error nor what was asked for.
pub fn note(sentence: &str) {
    // A closed stderr has nobody to tell.
    let _ = writeln!(std::io::stderr(), "{sentence}");
}

/// Whether stderr wants colour.
pub fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

fn write_error(
    out: &mut impl Write,
    program: &str,
    error: &Error,
    colour: bool,
) -> std::io::Result<()> {
    let (red, cyan, plain) = if colour {
        ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    writeln!(out, "{red}{program}:{plain} {error}")?;
    match error.hint_text() {
        Some(hint) => writeln!(out, "{cyan}hint:{plain} {hint}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence_and_a_hint_without_colour() {
        let mut out = Vec::new();
        write_error(
            &mut out,
            "rootfs",
            &Error::new("no root").hint("make one"),
            false,
        )
        .unwrap();
        assert_eq!(out, b"rootfs: no root\nhint: make one\n");
    }
}

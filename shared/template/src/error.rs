//! What can go wrong with a template, in Go's own words.

use std::io;

/// A result of parsing or executing a template.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a template gave nothing. The text is Go's, so that what people find about it on the web holds here too; Docker
/// puts `template parsing error: ` before it, whichever of the first two it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no template: `template: :1: unclosed action`.
    #[error("{0}")]
    Parse(String),
    /// The template does not fit the value: `template: :1:2: executing "" at <.Foo>: …`.
    #[error("{0}")]
    Execute(String),
    /// The output could not be written.
    #[error("cannot write the output of the template: {0}")]
    Write(#[from] io::Error),
}

impl From<Error> for kit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Write(error) => kit::Error::io("write the output of the template", "", &error),
            Error::Parse(_) | Error::Execute(_) => {
                kit::Error::new(format!("template parsing error: {error}")).code(1)
            }
        }
    }
}

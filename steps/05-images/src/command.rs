//! A command as a Dockerfile has it, after `CMD`, `ENTRYPOINT` and `HEALTHCHECK CMD`: a list of words, or text for a shell.

use serde_json::Value;

/// How a command was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As text for a shell.
    Shell(String),
    /// As a list of words, which are run as they are.
    Exec(Vec<String>),
}

impl Form {
    /// What is executed.
    pub(crate) fn words(self) -> Vec<String> {
        match self {
            Self::Shell(text) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text],
            Self::Exec(words) => words,
        }
    }
}

/// The list form is JSON; any other text is for the shell, to which `[` is a command.
///
/// # Errors
/// A JSON list of something other than strings.
pub(crate) fn command(text: &str) -> Result<Form, String> {
    match serde_json::from_str::<Vec<Value>>(text) {
        Ok(_) => list_of_words(text).map(Form::Exec),
        Err(_) => Ok(Form::Shell(text.to_owned())),
    }
}

/// A JSON list of strings.
///
/// # Errors
/// The text is something else.
pub(crate) fn list_of_words(text: &str) -> Result<Vec<String>, String> {
    serde_json::from_str(text).map_err(|e| format!("the list is not one of strings: {e}"))
}

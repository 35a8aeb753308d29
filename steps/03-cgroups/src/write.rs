//! One write to one file of a cgroup, as data.

use crate::layout::Controller;

/// A value for a file of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Whose file it is, which says in which hierarchy.
    pub controller: Controller,
    /// The file's name in the cgroup's directory.
    pub file: String,
    /// What is written.
    pub value: Value,
    /// The option of the command line that asks for it.
    pub option: &'static str,
    /// What to do if there is no such file.
    pub missing: Missing,
}

impl Write {
    /// Of a text, to a file that there has to be.
    pub(crate) fn new(
        controller: Controller,
        file: &str,
        value: impl ToString,
        option: &'static str,
    ) -> Self {
        Self {
            controller,
            file: file.to_owned(),
            value: Value::Text(value.to_string()),
            option,
            missing: Missing::Refuse,
        }
    }
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This text.
    Text(String),
    /// What the same file of the parent holds.
    OfParent,
}

/// What to do about a file that this kernel does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The user asked for it: refuse to start.
    Refuse,
    /// A default that is none of the user's wishes: go on.
    Skip,
    /// Another file does the same, with this value.
    Instead(&'static str, String),
}

impl Write {
    /// The same, with another answer to a missing file.
    #[must_use]
    pub fn or(self, missing: Missing) -> Self {
        Self { missing, ..self }
    }
}

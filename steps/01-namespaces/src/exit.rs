//! How a container ended.

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The command's exit code, or 128 + n if signal n ended it.
    pub code: u8,
    /// Sentences for the user: why it ended so, where a mechanism knows.
    pub notes: Vec<String>,
}

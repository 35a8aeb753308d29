//! Where a template is stopped. Go's engine has hardly any limits, and a mistyped `range` then fills the memory; these
//! are far above what anybody types behind `--format`.

/// The longest template text, in bytes.
pub(crate) const TEXT: usize = 1 << 20;
/// How deep parentheses, `if`, `range`, `with` and `else if` may nest. Parsing and executing recurse, and this and the
/// next limit keep them within the two megabytes of stack that a thread has.
pub(crate) const NESTING: usize = 100;
/// In how many levels of all these together, those of its callers included, a `template` may still be called.
pub(crate) const CALLS: usize = 200;
/// How many nodes one execution may visit.
pub(crate) const STEPS: usize = 5_000_000;
/// The longest output, and the longest string that a function may make, in bytes.
pub(crate) const OUTPUT: usize = 64 << 20;
/// The widest field that `printf` pads to; Go's own limit.
pub(crate) const WIDTH: i64 = 1_000_000;

//! How long a container lives.

// ANCHOR: lifetime
/// Whether a container outlives the process that made it. One value, which the parent-death signal, the janitor and what
/// happens on `drop` all obey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// It ends with its parent, however that ends: `run` of the steps.
    #[default]
    WithParent,
    /// It lives until its command ends or somebody kills it, and is undone from what is written down: for a runtime or
    /// an engine.
    Detached,
}
// ANCHOR_END: lifetime

impl Lifetime {
    /// Whether it outlives its parent.
    pub fn is_detached(self) -> bool {
        self == Self::Detached
    }
}

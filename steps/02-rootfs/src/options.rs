//! What is asked for, as data: the root, what is mounted below it, and what is hidden there.

use std::path::PathBuf;

use kit::Result;

use crate::masks;
use crate::mount::{Mount, Propagation, PropagationKind, add, default_mounts};
use crate::source::Root;

/// A root file system (OCI runtime specification, "Root", "Mounts" and "Linux").
#[derive(Clone, Debug)]
pub struct Options {
    /// What becomes the container's root.
    pub root: Root,
    /// Whether the root itself cannot be written to; `/dev`, binds and tmpfs can.
    pub read_only: bool,
    /// What is mounted below it, in this order.
    pub mounts: Vec<Mount>,
    /// Whether mounts made by the host below the root's directory appear in it (`slave`), and whether those that the
    /// container makes appear in mount namespaces that it makes in turn (`shared`, which is recursive over all mounts if it
    /// is at all). A mount that another mechanism hands over follows nobody.
    pub propagation: Propagation,
    /// Directories of the container that are made if they are missing, after all that is mounted.
    pub directories: Vec<PathBuf>,
    /// Paths of the container that show as empty.
    pub masked: Vec<PathBuf>,
    /// Paths of the container that cannot be written to.
    pub read_only_paths: Vec<PathBuf>,
}

impl Options {
    /// `root` with the mounts that every container has, Docker's default masks, and nothing else.
    pub fn new(root: impl Into<Root>) -> Self {
        Self {
            root: root.into(),
            read_only: false,
            mounts: default_mounts(),
            propagation: Propagation::RPRIVATE,
            directories: Vec::new(),
            masked: masks::masked_by_default(),
            read_only_paths: masks::read_only_by_default(),
        }
    }

    /// Adds what a user or an image wants: see [`add`](crate::add()).
    ///
    /// # Errors
    /// As there.
    pub fn add<M: Into<Mount>>(&mut self, mounts: impl IntoIterator<Item = M>) -> Result<()> {
        add(&mut self.mounts, mounts.into_iter().map(Into::into))
    }
}

// ANCHOR: namespace_propagation
/// What the mounts of a new mount namespace must be set to for these options, recursively and before anything else:
/// private; slaves of the host's; or, if it says shared, left as they have been cloned, peers of the host's.
pub fn namespace_propagation(options: &Options) -> PropagationKind {
    // A shared root is shared with the container's own descendants. A slave follows the host below its directory.
    let follows = matches!(options.root, Root::Directory(_))
        && options.propagation.kind == PropagationKind::Slave;
    let root = follows.then_some(PropagationKind::Slave);
    strongest(kinds(&options.mounts).chain(root))
}
// ANCHOR_END: namespace_propagation

fn kinds(mounts: &[Mount]) -> impl Iterator<Item = PropagationKind> {
    let following = mounts.iter().filter(|mount| mount.follows_the_host());
    following.filter_map(|mount| Some(mount.propagation?.kind))
}

fn strongest(kinds: impl Iterator<Item = PropagationKind>) -> PropagationKind {
    use PropagationKind::{Private, Shared, Slave};
    kinds.fold(Private, |strongest, kind| match (strongest, kind) {
        (Shared, _) | (_, Shared) => Shared,
        (Slave, _) | (_, Slave) => Slave,
        _ => Private,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_private_unless_somebody_asks() {
        use PropagationKind::{Private, Shared, Slave};
        let bind = |word: &str| {
            Mount::from_options("/x", Some("bind"), Some("/y".as_ref()), [word]).unwrap()
        };
        for (words, expected) in [
            (&[][..], Private),
            (&["ro", "rprivate", "unbindable"], Private),
            (&["ro", "rslave"], Slave),
            (&["slave"], Slave),
            (&["shared", "rslave"], Shared),
            (&["rslave", "rshared", "private"], Shared),
        ] {
            let mut options = Options::new("/");
            options.mounts.extend(words.iter().map(|word| bind(word)));
            assert_eq!(namespace_propagation(&options), expected, "{words:?}");
        }
        // What the container has for itself needs nothing of the host.
        let mut options = Options::new("/");
        options.mounts[0].propagation = Propagation::parse(b"shared");
        options.propagation = Propagation::new(Shared, true);
        assert_eq!(namespace_propagation(&options), Private);
        options.propagation = Propagation::new(Slave, true);
        assert_eq!(namespace_propagation(&options), Slave);
    }
}

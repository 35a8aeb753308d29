//! What `pull` shows of the layers: a line for each thing that happens to one.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use layers::digest::Digest;

use crate::manifest::Blob;
use crate::source::{Event, Observer};

/// Writes lines, from whichever thread.
pub(super) struct Lines<'a> {
    inner: Mutex<Inner<'a>>,
}

struct Inner<'a> {
    out: &'a mut (dyn Write + Send),
    /// Blobs that have come, and are being unpacked.
    whole: HashSet<Digest>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self {
            inner: Mutex::new(Inner {
                out,
                whole: HashSet::new(),
            }),
        }
    }
}

impl Observer for Lines<'_> {
    fn layer(&self, layer: &Blob, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match event {
            Event::Waiting => "Pulling fs layer",
            Event::AlreadyExists => "Already exists",
            Event::Complete => "Pull complete",
            Event::Received(bytes) if bytes == layer.size && inner.whole.insert(layer.digest) => {
                "Download complete"
            }
            Event::Received(_) => return,
        };
        // Nobody who reads is no reason to stop pulling.
        let _ = writeln!(inner.out, "{}: {text}", short(&layer.digest));
        let _ = inner.out.flush();
    }
}

/// The first 12 digits.
pub(super) fn short(digest: &Digest) -> String {
    digest.hex()[..12].to_owned()
}

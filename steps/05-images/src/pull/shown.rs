//! A pull whose progress is shown, in Docker's words.

use kit::Result;

use super::pull;
use crate::platform::Platform;
use crate::progress::progress;
use crate::reference::Reference;
use crate::registry::Client;
use crate::source::Blind;
use crate::store::Store;
use crate::streams::{Streams, written};

/// How one image is pulled, and shown.
#[derive(Debug)]
pub(crate) struct Pull<'a> {
    pub(crate) client: &'a Client,
    pub(crate) platform: &'a Platform,
    pub(crate) quiet: bool,
}

impl Pull<'_> {
    /// Pulls what `name` means, and shows how. Whether it meant another image before, or none, comes back.
    pub(crate) fn pull(
        &self,
        name: &Reference,
        store: &Store,
        streams: &mut Streams<'_>,
    ) -> Result<bool> {
        if self.quiet {
            let pulled = pull(store, self.client, name, self.platform, &Blind)?;
            return Ok(pulled.is_new);
        }
        let what = match (name.digest(), name.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or_default().to_owned(),
        };
        streams.line(format!("{what}: Pulling from {}", name.path()))?;
        written(streams.out.flush())?;
        let shown = progress(streams);
        let pulled = pull(store, self.client, name, self.platform, &*shown)?;
        drop(shown);
        streams.line(format!("Digest: {}", pulled.digest))?;
        Ok(pulled.is_new)
    }

    /// What has come of it all.
    pub(crate) fn status(&self, is_new: bool, name: &str, streams: &mut Streams<'_>) -> Result<()> {
        match (self.quiet, is_new) {
            (true, _) => Ok(()),
            (false, true) => {
                streams.line(format_args!("Status: Downloaded newer image for {name}"))
            }
            (false, false) => streams.line(format_args!("Status: Image is up to date for {name}")),
        }
    }
}

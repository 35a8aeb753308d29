//! An image that is not there is pulled before it is run.
//!
//! A pull has threads, and a container is forked from a process that has one. A thread that was joined may still be on
//! its way out, and one that asks a name server for an address is never joined at all. So the pull has a process of its
//! own, forked while there is one thread only, and with it all its threads are gone.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

use clap::{Args, ValueEnum};
use kit::error::Kind;
use kit::sys::branch::branch;
use kit::sys::process::{Ended, default_sigchld, die_with_parent, wait};
use kit::{Error, Result};
use nix::errno::Errno;

use crate::find::look_up;
use crate::image::Image;
use crate::platform::Platform;
use crate::pull::Pull;
use crate::reference::Reference;
use crate::settings::Settings;
use crate::store::Store;
use crate::streams::Streams;

/// When an image is pulled before it is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// Whether it is there or not.
    Always,
    /// If it is not there.
    #[default]
    Missing,
    /// Not at all.
    Never,
}

/// Where images of `run` come from.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct FetchOptions {
    /// Pull the image before running
    #[arg(
        long,
        value_enum,
        value_name = "always|missing|never",
        default_value_t,
        hide_possible_values = true
    )]
    pull: When,

    /// Of an image for several platforms, run this one (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,

    /// Suppress the pull output
    #[arg(short, long)]
    quiet: bool,
}

impl FetchOptions {
    /// Sees to it that the image that `word` means is there, as far as these options want it. What a pull shows goes to
    /// `streams.out`.
    ///
    /// # Errors
    /// No image can have that name; it cannot be pulled.
    pub fn fetch(
        &self,
        word: &str,
        settings: &Settings,
        store: &Store,
        streams: &mut Streams<'_>,
    ) -> Result<()> {
        match self.pull {
            When::Never => return Ok(()),
            When::Missing if self.is_there(word, store)? => return Ok(()),
            When::Missing | When::Always => {}
        }
        // A whole id, for one, is no name.
        let name = word.parse::<Reference>()?.or_latest();
        if self.pull == When::Missing {
            streams.warn(format_args!(
                "Unable to find image '{}' locally",
                name.familiar()
            ));
        }
        in_a_process_of_its_own(|| {
            let platform = self.platform.clone().unwrap_or_else(Platform::host);
            let pull = Pull {
                client: &settings.client()?,
                platform: &platform,
                quiet: self.quiet,
            };
            let is_new = pull.pull(&name, store, streams)?;
            pull.status(is_new, &name.familiar(), streams)
        })
    }

    /// An image for another platform than the one that is asked for is another image.
    fn is_there(&self, word: &str, store: &Store) -> Result<bool> {
        let catalog = store.catalog()?;
        let Some(found) = look_up(&catalog, word)? else {
            return Ok(false);
        };
        let Some(platform) = &self.platform else {
            return Ok(true);
        };
        let image = Image::read(store, found.id(), &catalog.images[&found.id()])?;
        Ok(platform.accepts(&image.config.platform()).is_some())
    }
}

/// Runs `work` in a child, which dies with us, and waits for its end. What it fails with comes back.
fn in_a_process_of_its_own(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let fails = |errno| Error::sys("start a process for the pull", "", errno);
    // Whoever ignores SIGCHLD never learns how a child ended.
    default_sigchld().map_err(fails)?;
    let (reader, writer) = pipe().map_err(|e| Error::io("make", "a pipe", &e))?;
    let mut writer = Some(writer);
    let (pid, _pidfd) = branch(0, || {
        let _ = die_with_parent();
        match work() {
            Ok(()) => 0,
            Err(error) => {
                tell(writer.take(), &error);
                kit::error::FAILED
            }
        }
    })
    .map_err(fails)?;
    drop(writer);
    let error = hear(reader);
    let ended = loop {
        match wait(Some(pid), 0) {
            Err(Errno::EINTR) => {}
            other => break other.map_err(fails)?.map(|(_, ended)| ended),
        }
    };
    match (ended, error) {
        (Some(Ended::Exited(0)), _) => Ok(()),
        (_, Some(error)) => Err(error),
        (ended, None) => Err(Error::new(format!(
            "the pull ended early ({})",
            ended.map_or(0, Ended::code)
        ))
        .hint(
            "somebody killed it, or the kernel did for want of memory: `dmesg | tail` says which",
        )),
    }
}

/// A byte that no text has: it stands between the kind, the sentence and its hint.
const BETWEEN: char = '\0';

fn tell(writer: Option<PipeWriter>, error: &Error) {
    let hint = error.hint_text().unwrap_or_default();
    if let Some(mut writer) = writer {
        // Without a reader there is nobody who waits.
        let kind = error.kind() as u8;
        let _ = write!(writer, "{kind}{BETWEEN}{error}{BETWEEN}{hint}");
    }
}

fn hear(mut reader: PipeReader) -> Option<Error> {
    let mut bytes = Vec::new();
    let _ = reader.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (kind, rest) = text.split_once(BETWEEN)?;
    let (sentence, hint) = rest.split_once(BETWEEN)?;
    let is_it = |one: &Kind| (*one as u8).to_string() == kind;
    let kind = Kind::ALL.into_iter().find(is_it).unwrap_or_default();
    let error = Error::new(sentence).of_kind(kind);
    Some(match hint {
        "" => error,
        hint => error.hint(hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_crosses_the_pipe_with_its_kind_and_its_hint() {
        let without = Kind::ALL.map(|kind| (Error::new("no").of_kind(kind), kind, None));
        let hint = "try again";
        let with = (Error::new("no").hint(hint), Kind::Other, Some(hint));
        for (error, kind, hint) in without.into_iter().chain([with]) {
            let (reader, writer) = pipe().unwrap();
            tell(Some(writer), &error);
            let heard = hear(reader).unwrap();
            assert_eq!(heard.to_string(), "no");
            assert_eq!((heard.kind(), heard.hint_text()), (kind, hint));
        }
        let (reader, writer) = pipe().unwrap();
        drop(writer);
        assert!(hear(reader).is_none());
    }
}

//! What `pull` shows of the layers: on a terminal a bar for each, elsewhere a line for each thing that happens to one.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use layers::digest::Digest;

use crate::manifest::Blob;
use crate::source::{Event, Observer};
use crate::streams::Streams;

/// What fits where the output goes. Bars are drawn on stderr, as nobody keeps them.
pub(crate) fn progress<'a>(streams: &'a mut Streams<'_>) -> Box<dyn Observer + 'a> {
    match streams.is_terminal {
        true => Box::new(Bars::default()),
        false => Box::new(Lines::new(streams.out)),
    }
}

/// Writes lines, from whichever thread.
struct Lines<'a> {
    inner: Mutex<Inner<'a>>,
}

struct Inner<'a> {
    out: &'a mut (dyn Write + Send),
    /// Blobs that have come, and are being unpacked.
    whole: HashSet<Digest>,
}

impl<'a> Lines<'a> {
    fn new(out: &'a mut (dyn Write + Send)) -> Self {
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
            Event::Received(bytes) if bytes == layer.size && inner.whole.insert(layer.digest) => {
                "Download complete"
            }
            Event::Received(_) => return,
            event => word(event),
        };
        // Nobody who reads is no reason to stop pulling.
        let _ = writeln!(inner.out, "{}: {text}", short(&layer.digest));
        let _ = inner.out.flush();
    }
}

/// A bar for each layer, in Docker's form.
struct Bars {
    all: MultiProgress,
    each: Mutex<HashMap<Digest, ProgressBar>>,
}

impl Default for Bars {
    fn default() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            each: Mutex::default(),
        }
    }
}

pub(crate) const WITH_BAR: &str = "{prefix}: {msg} [{bar:50}] {bytes}/{total_bytes}";
pub(crate) const WITHOUT_BAR: &str = "{prefix}: {msg}";

impl Observer for Bars {
    fn layer(&self, layer: &Blob, event: Event) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = each.entry(layer.digest).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(layer.size));
            bar.set_style(style(WITHOUT_BAR));
            bar.set_prefix(short(&layer.digest));
            bar
        });
        match event {
            Event::Waiting => bar.set_message(word(event)),
            Event::Received(bytes) => {
                if bar.position() == 0 {
                    bar.set_style(style(WITH_BAR));
                    bar.set_message(word(event));
                }
                // It is unpacked as it comes; what is left then is the last of it.
                if bytes == layer.size {
                    bar.set_message("Extracting");
                }
                bar.set_position(bytes);
            }
            Event::AlreadyExists | Event::Complete => {
                bar.set_style(style(WITHOUT_BAR));
                bar.finish_with_message(word(event));
            }
        }
    }
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    // Only a template that is wrong has no style, and ours are not.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn word(event: Event) -> &'static str {
    match event {
        Event::Waiting => "Pulling fs layer",
        Event::AlreadyExists => "Already exists",
        Event::Received(_) => "Downloading",
        Event::Complete => "Pull complete",
    }
}

/// The first 12 digits.
pub(crate) fn short(digest: &Digest) -> String {
    digest.hex()[..12].to_owned()
}

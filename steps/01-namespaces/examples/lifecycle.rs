//! A container that one process creates, a second starts, and a third undoes:
//!
//! ```text
//! # mkdir box
//! # lifecycle create box sh -c 'echo hello from $$'
//! 4711
//! # lifecycle start box
//! hello from 1
//! # lifecycle wait box
//! # lifecycle undo box
//! ```
//!
//! What is known of it in between stands in `box/container.json`.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kit::sys::fork::{Duties, Janitor};
use kit::{Error, Result};
use namespaces::{
    Defaults, Exit, Kind, Leftover, Lifetime, Mechanism, Mechanisms, Namespaces, Plan, Process,
    Record, Stage, Streams, Undo, Wanted, create, start, undo,
};

fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let with_parent = words.iter().position(|word| word == "--with-parent");
    let lifetime = match with_parent.map(|at| words.remove(at)) {
        Some(_) => Lifetime::WithParent,
        None => Lifetime::Detached,
    };
    let result = match words.as_slice() {
        [verb, directory, command @ ..] => {
            let directory = Path::new(directory);
            match verb.to_str() {
                Some("create") => create_in(directory, command, lifetime),
                Some("start") => start(directory).map(|()| 0),
                Some("wait") => wait_for(directory),
                Some("undo") => undo(directory, &[Marker::UNDO]).map(|_| 0),
                _ => Err(usage()),
            }
        }
        _ => Err(usage()),
    };
    kit::program::finish("lifecycle", result.map(ExitCode::from))
}

fn usage() -> Error {
    Error::new("nothing to do").hint(
        "lifecycle create [--with-parent] DIR CMD… | lifecycle start DIR | lifecycle wait DIR | lifecycle undo DIR",
    )
}

// ANCHOR: create
fn create_in(directory: &Path, command: &[OsString], lifetime: Lifetime) -> Result<u8> {
    let wanted = Wanted {
        words: command.to_vec(),
        ..Wanted::default()
    };
    let process = Process::new(&wanted, &Defaults::default());
    let mechanisms = Mechanisms::new()
        .and(Namespaces::new(&Kind::DEFAULT, "box"))
        .and(Marker::beside(directory));
    let streams = Streams::ours(false);
    let created = create(&process, streams, mechanisms, lifetime, directory)?;
    let pid = format!("{}\n", created.pid());
    kit::program::show(pid.as_bytes())?;
    match lifetime {
        Lifetime::Detached => Ok(0),
        // Whoever starts it: it ends with us.
        Lifetime::WithParent => created.wait().map(|exit| exit.code),
    }
}
// ANCHOR_END: create

fn wait_for(directory: &Path) -> Result<u8> {
    match Record::read(directory)? {
        Some(record) => record.wait().map(|()| 0),
        None => Err(Error::new(format!(
            "there is no container in {}",
            directory.display()
        ))),
    }
}

// ANCHOR: marker
/// A mechanism that does nothing but to make something which outlives the container, unless it is undone: a file.
struct Marker {
    path: PathBuf,
    /// Undoes it if we are killed before anything is written down.
    janitor: Option<Janitor>,
}

impl Marker {
    const NAME: &str = "marker";
    const UNDO: Undo = Undo::new(Self::NAME, |leftover, _| {
        remove(&leftover.read::<PathBuf>()?)
    });

    fn beside(directory: &Path) -> Self {
        Self {
            path: directory.with_extension("marker"),
            janitor: None,
        }
    }
}

impl Mechanism for Marker {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Entered]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        self.path =
            std::path::absolute(&self.path).map_err(|e| Error::io("find", &self.path, &e))?;
        let janitor = Janitor::fork(Duties {
            name: c"marker",
            keeps: &[],
            now: || {},
            then: || drop(remove(&self.path)),
        });
        // Before the file: whenever we die, there is somebody who removes it.
        self.janitor = Some(janitor.map_err(|errno| Error::sys("fork a janitor", "", errno))?);
        fs::write(&self.path, "").map_err(|e| Error::io("make", &self.path, &e))
    }

    fn leftover(&self) -> Option<Leftover> {
        Leftover::new(Self::NAME, &self.path).ok()
    }

    fn detach(&mut self) -> Result<()> {
        self.janitor = None;
        Ok(())
    }

    fn undo(&mut self, _: &mut Exit) -> Result<()> {
        remove(&self.path)
    }
}
// ANCHOR_END: marker

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &e)),
        _ => Ok(()),
    }
}

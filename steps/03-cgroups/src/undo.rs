//! Undoing what is left of a container, by whoever is there: only what is its own, and with its name in hand.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::{Error, Result};
use namespaces::{Leftover, Undo};
use nix::fcntl::RenameFlags;

use crate::control;
use crate::made::{Made, NAME};
use crate::record::{Record, Shown, decode, directory, encode, show, sweep, undo};

// ANCHOR: undo
/// How what this step leaves of a container is undone.
pub const UNDO: Undo = Undo {
    mechanism: NAME,
    thaw: Some(|leftover| control::thaw(&read(leftover)?.group)),
    undo: |leftover, exit| {
        let made = read(leftover)?;
        match Left::of(&made)? {
            Left::Recorded(_record) => {
                made.explain(exit);
                undo(&made)
            }
            Left::Unrecorded(_record) => {
                made.group.remove_empty()?;
                undo(&made)
            }
            Left::Nothing => Ok(()),
        }
    },
    sweep: Some(sweep),
};
// ANCHOR_END: undo

fn read(leftover: &Leftover) -> Result<Made> {
    let made: Made = leftover.read()?;
    made.check()?;
    Ok(made)
}

/// What there is to undo, with the name locked for as long as it takes.
enum Left {
    /// The record stands for it.
    Recorded(Record),
    /// Somebody has removed the record. Where it lay there is one of our own now, so that nobody takes the name meanwhile.
    Unrecorded(Record),
    /// It has been undone, and the name may be another's by now.
    Nothing,
}

impl Left {
    /// # Errors
    /// The process that made the container lives on and does not give it up; or the record says something else.
    fn of(made: &Made) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(left) = Self::now(made)? {
                return Ok(left);
            }
            if Instant::now() > deadline {
                return Err(Error::new(format!(
                    "the cgroups of the container \"{}\" are in other hands",
                    made.name
                ))
                .hint("the process that made it has to undo it: see whether that is stopped"));
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// `None` while another cleans up.
    fn now(made: &Made) -> Result<Option<Self>> {
        let path = directory().join(&made.name);
        let mut file = match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Self::without_record(made),
            other => other.map_err(|e| Error::io("open the record", &path, &e))?,
        };
        let is_locked = file.try_lock().is_ok();
        let mut text = Vec::new();
        file.read_to_end(&mut text)
            .map_err(|e| Error::io("read the record", &path, &e))?;
        let is_there = file.metadata().is_ok_and(|m| m.nlink() > 0);
        Ok(match decode(&text) {
            _ if !is_there => None,
            Some(found) if found.id != made.id => Some(Self::Nothing),
            Some(found) if found.group != made.group => {
                return Err(Error::new(format!(
                    "{} says that the container has other cgroups",
                    path.display()
                ))
                .hint(
                    "somebody has changed one of the two: remove the cgroups by hand, with rmdir",
                ));
            }
            _ if !is_locked => None,
            Some(_) => Some(Self::Recorded(Record { path, file })),
            // It is no record, and stands for nothing.
            None => {
                let _ = fs::remove_file(&path);
                None
            }
        })
    }

    fn without_record(made: &Made) -> Result<Option<Self>> {
        if !made.group.nodes.iter().any(|node| node.directory.exists()) {
            return Ok(Some(Self::Nothing));
        }
        let mut ours = made.clone();
        ours.is_detached = true;
        match show(&made.name, &encode(&ours)?, RenameFlags::RENAME_NOREPLACE)? {
            Shown::Record(record) => Ok(Some(Self::Unrecorded(record))),
            Shown::Swept | Shown::Taken(_) => Ok(None),
        }
    }
}

//! Sources that give what they should not, and what the store shows meanwhile and afterwards.

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checks::{Check, Finding, Outcome, ensure, found};
use layers::digest::Digest;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "right",
            asks: "what is right becomes a blob, and nothing else is left in the store",
            run: right,
        },
        Check {
            id: "digest",
            asks: "other bytes are refused",
            run: digest,
        },
        Check {
            id: "short",
            asks: "fewer bytes than promised are refused, even if they have the digest",
            run: short,
        },
        Check {
            id: "long",
            asks: "more bytes than promised are refused",
            run: long,
        },
        Check {
            id: "endless",
            asks: "a body without end is not read without end",
            run: endless,
        },
        Check {
            id: "broken",
            asks: "a body that breaks off is refused",
            run: broken,
        },
        Check {
            id: "hidden",
            asks: "nobody sees a blob before its last byte was there",
            run: hidden,
        },
        Check {
            id: "streams",
            asks: "bytes are written as they come",
            run: streams,
        },
        Check {
            id: "together",
            asks: "two may receive the same blob at once",
            run: together,
        },
    ])
}

const BLOB: &[u8] = b"the bytes of a layer, which are some dozens";
/// How much of a source may be read ahead, or not yet be written.
const SLACK: u64 = 256 << 10;

fn store() -> Outcome<PathBuf> {
    let path = PathBuf::from("/tmp/store");
    fs::create_dir(&path)?;
    Ok(path)
}

fn names(store: &Path) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(store)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The store has this blob and nothing else.
fn holds(store: &Path, bytes: &[u8]) -> Outcome {
    let name = Digest::of(bytes).hex();
    let found = fs::read(store.join(&name)).map_err(|error| {
        let text = format!("it was received, and the store has no {name}: {error}");
        Finding::new("no-blob", text)
    })?;
    ensure!(
        found == bytes,
        "wrong-blob",
        "the store's {name} has {} bytes which are others",
        found.len()
    );
    let names = names(store)?;
    ensure!(
        names.len() == 1,
        "left-behind",
        "besides the blob the store has {names:?}"
    );
    Ok(())
}

fn must(result: io::Result<()>) -> Outcome {
    result.map_err(|error| Finding::new("refused", format!("what is right was refused: {error}")))
}

/// It was refused, and nothing is left.
fn refused(result: io::Result<()>, store: &Path, what: &str) -> Outcome {
    ensure!(
        result.is_err(),
        "accepted",
        "{what}, and receive returned Ok"
    );
    let names = names(store)?;
    ensure!(
        names.is_empty(),
        "left-behind",
        "{what}: it was refused, and {names:?} is left in the store"
    );
    Ok(())
}

fn right() -> Outcome {
    let store = store()?;
    must(exercise::receive(
        BLOB,
        Digest::of(BLOB),
        BLOB.len() as u64,
        &store,
    ))?;
    holds(&store, BLOB)?;
    fs::remove_file(store.join(Digest::of(BLOB).hex()))?;
    must(exercise::receive(io::empty(), Digest::of(""), 0, &store))?;
    holds(&store, b"")
}

fn digest() -> Outcome {
    let (store, other) = (store()?, Digest::of("something else"));
    let result = exercise::receive(BLOB, other, BLOB.len() as u64, &store);
    refused(result, &store, "the bytes had another digest")
}

fn short() -> Outcome {
    let (store, part) = (store()?, &BLOB[..10]);
    let size = BLOB.len() as u64;
    let result = exercise::receive(part, Digest::of(BLOB), size, &store);
    refused(result, &store, "10 bytes came of 43")?;
    let result = exercise::receive(part, Digest::of(part), size, &store);
    refused(
        result,
        &store,
        "10 bytes came of 43, with the digest that was asked for",
    )
}

fn long() -> Outcome {
    let store = store()?;
    let (start, size) = (Digest::of(&BLOB[..10]), 10);
    let result = exercise::receive(BLOB, start, size, &store);
    refused(
        result,
        &store,
        "33 bytes came after the 10 that were promised",
    )
}

fn endless() -> Outcome {
    let store = store()?;
    let given = Cell::new(0);
    let source = Source(|buffer: &mut [u8]| {
        if given.get() > 4 * SLACK {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        buffer.fill(b'x');
        given.set(given.get() + buffer.len() as u64);
        Ok(buffer.len())
    });
    let result = exercise::receive(source, Digest::of(BLOB), BLOB.len() as u64, &store);
    ensure!(
        given.get() <= SLACK,
        "reads-on",
        "43 bytes were promised, and {} were read of what never ends",
        given.get()
    );
    refused(result, &store, "it never ends")
}

fn broken() -> Outcome {
    let store = store()?;
    let source = (&BLOB[..10]).chain(Source(|_: &mut [u8]| {
        Err(io::ErrorKind::ConnectionReset.into())
    }));
    let result = exercise::receive(source, Digest::of(BLOB), BLOB.len() as u64, &store);
    refused(result, &store, "the connection was reset after 10 bytes")
}

fn hidden() -> Outcome {
    let store = store()?;
    let name = Digest::of(BLOB).hex();
    let (mut left, mut seen) = (BLOB, None);
    let source = Source(|buffer: &mut [u8]| {
        if store.join(&name).exists() {
            seen.get_or_insert(BLOB.len() - left.len());
        }
        let length = buffer.len().min(7);
        left.read(&mut buffer[..length])
    });
    must(exercise::receive(
        source,
        Digest::of(BLOB),
        BLOB.len() as u64,
        &store,
    ))?;
    if let Some(length) = seen {
        return found!(
            "seen",
            "after {length} of 43 bytes the store already showed {name}"
        );
    }
    holds(&store, BLOB)
}

fn streams() -> Outcome {
    let store = store()?;
    let blob = vec![b'x'; 4 * SLACK as usize];
    let (mut left, mut most) = (blob.as_slice(), 0);
    let source = Source(|buffer: &mut [u8]| {
        let given = (blob.len() - left.len()) as u64;
        most = most.max(given - written(&store).min(given));
        left.read(buffer)
    });
    must(exercise::receive(
        source,
        Digest::of(&blob),
        blob.len() as u64,
        &store,
    ))?;
    ensure!(
        most <= SLACK,
        "kept",
        "{most} bytes had come and were in no file of the store"
    );
    holds(&store, &blob)
}

fn written(store: &Path) -> u64 {
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.metadata().map_or(0, |status| status.len()))
        .sum()
}

fn together() -> Outcome {
    let store = store()?;
    let (size, digest) = (BLOB.len() as u64, Digest::of(BLOB));
    let (mut left, mut second) = (BLOB, None);
    let source = Source(|buffer: &mut [u8]| {
        // In the middle of it another comes, who is faster.
        if left.len() < 20 && second.is_none() {
            second = Some(exercise::receive(BLOB, digest, size, &store));
        }
        let length = buffer.len().min(7);
        left.read(&mut buffer[..length])
    });
    let first = exercise::receive(source, digest, size, &store);
    for result in [Some(first), second].into_iter().flatten() {
        if let Err(error) = result {
            return found!(
                "in-the-way",
                "of two that received the same blob at once, one failed: {error}"
            );
        }
    }
    holds(&store, BLOB)
}

/// A reader that is a closure.
struct Source<F>(F);

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for Source<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.0)(buffer)
    }
}

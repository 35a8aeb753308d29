//! A blob on its way into the store: counted and hashed as it passes, and shown only when it is all there and right.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use layers::digest::{Digest, Digesting};

/// Stores what `source` gives as the blob `digest`, which has `size` bytes, or leaves nothing of it in `store`.
pub fn receive(source: impl Read, digest: Digest, size: u64, store: &Path) -> io::Result<()> {
    let (mut file, path) = temporary(store)?;
    //< receive: let the bytes pass, and show them as a blob if they were right; clean up if not
    let received = pass(source, &mut file, digest, size)
        // A name that outlives a crash without its contents would be a lie.
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&path, store.join(digest.hex())));
    if received.is_err() {
        let _ = fs::remove_file(&path);
    }
    received
    //= let _ = pass(source, &mut file, digest, size).and_then(|()| fs::rename(path, store));
    //= todo!("receive the blob")
    //>
}

/// A new file in `store` that nobody else writes to, and where it is.
fn temporary(store: &Path) -> io::Result<(File, PathBuf)> {
    //< temporary: make a file of a name that nobody else has at the same time
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = store.join(format!(".receive-{}-{number}", std::process::id()));
    Ok((File::create_new(&path)?, path))
    //= let _ = (store, AtomicU32::new(0).load(Ordering::Relaxed));
    //= todo!("make the temporary file")
    //>
}

/// Passes on what `source` gives; an error unless it has this digest and size.
fn pass(source: impl Read, mut to: impl Write, digest: Digest, size: u64) -> io::Result<()> {
    //< pass: count and hash what passes
    // One byte more than there should be is enough to know.
    let mut passing = Digesting::new(source.take(size.saturating_add(1)));
    io::copy(&mut passing, &mut to)?;
    let (seen, length) = passing.finish();
    if length != size {
        return Err(io::Error::other(format!(
            "there are {length} bytes or more, where {size} are promised"
        )));
    }
    if seen != digest {
        return Err(io::Error::other(format!(
            "the bytes have the digest {seen}, and not {digest}"
        )));
    }
    Ok(())
    //= let _ = (source, &mut to, digest, size, Digesting::<io::Empty>::new);
    //= todo!("let the bytes pass")
    //>
}

//! belief: A question mark is all that an error needs.
//! truth: It returns, and the file stays. A registry that lies fills the disk, one failed pull after the other.
//< receive
pass(source, &mut file, digest, size)?;
file.sync_all()?;
fs::rename(&path, store.join(digest.hex()))
//>

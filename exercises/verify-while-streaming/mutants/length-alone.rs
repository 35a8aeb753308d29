//! belief: TCP and TLS have seen to it that the bytes are those that were sent.
//! truth: They were sent by somebody: a mirror, a cache, a disk with a bad sector. The digest alone says that they are what the manifest's author meant.
//< pass
let mut passing = Digesting::new(source.take(size.saturating_add(1)));
io::copy(&mut passing, &mut to)?;
let (_, length) = passing.finish();
if length != size {
    return Err(io::Error::other(format!("{length} bytes for {digest}")));
}
Ok(())
//>

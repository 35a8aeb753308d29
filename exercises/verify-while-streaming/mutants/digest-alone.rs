//! belief: Where the digest is right, the length is.
//! truth: The digest is known at the end, and of a body without end there is none: it fills the disk. The size bounds what is read, and a descriptor that contradicts itself is not to be believed.
//< pass
let mut passing = Digesting::new(source);
io::copy(&mut passing, &mut to)?;
let (seen, _) = passing.finish();
if seen != digest {
    return Err(io::Error::other(format!("{seen} is not {digest} ({size} bytes)")));
}
Ok(())
//>

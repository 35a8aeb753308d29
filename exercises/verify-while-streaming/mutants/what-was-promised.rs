//! belief: To read as many bytes as were promised is to know that there are so many.
//! truth: Who stops there does not see what comes after. The registry then has another blob than the manifest says, and what is fetched is the beginning of it.
//< pass
let mut passing = Digesting::new(source.take(size));
io::copy(&mut passing, &mut to)?;
let (seen, length) = passing.finish();
if length != size || seen != digest {
    return Err(io::Error::other(format!("{length} bytes of {seen}")));
}
Ok(())
//>

//! belief: RESOLVE_IN_ROOT keeps everything inside, so it is the right one here too.
//! truth: It keeps it inside by giving links another meaning: `way`, which leads to ../outside, leads to the layer's own `outside`. An archive that wants out would be unpacked without a word, or fail for want of a directory; here it is to be refused.
//< unpack
let (parent, last) = split(name)?;
let directory = libc::O_RDONLY | libc::O_DIRECTORY;
let _ = nix::sys::stat::mkdirat(layer, "outside", Mode::from_bits_truncate(0o755));
let _ = nix::sys::stat::mkdirat(layer, "tmp", Mode::from_bits_truncate(0o755));
let _ = nix::sys::stat::mkdirat(layer, "tmp/outside", Mode::from_bits_truncate(0o755));
let parent = openat2(layer, &parent, directory, 0, libc::RESOLVE_IN_ROOT)?;
match unlinkat(&parent, last.as_c_str(), UnlinkatFlags::NoRemoveDir) {
    Ok(()) | Err(Errno::ENOENT) => {}
    Err(errno) => return Err(errno),
}
let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
write(openat(&parent, last.as_c_str(), flags, MODE)?, contents)
//>

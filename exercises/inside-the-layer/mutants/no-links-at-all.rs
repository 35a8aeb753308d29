//! belief: Links on the way are an attack.
//! truth: In most images /bin, /lib and /sbin are links to directories below /usr, and later layers put files below them. RESOLVE_NO_SYMLINKS refuses these; RESOLVE_BENEATH refuses only what leads out.
//< unpack
let (parent, last) = split(name)?;
let directory = libc::O_RDONLY | libc::O_DIRECTORY;
let resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
let parent = openat2(layer, &parent, directory, 0, resolve)?;
match unlinkat(&parent, last.as_c_str(), UnlinkatFlags::NoRemoveDir) {
    Ok(()) | Err(Errno::ENOENT) => {}
    Err(errno) => return Err(errno),
}
let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
write(openat(&parent, last.as_c_str(), flags, MODE)?, contents)
//>

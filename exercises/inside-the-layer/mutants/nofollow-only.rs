//! belief: O_NOFOLLOW keeps a path from going through links.
//! truth: It is about the last component only (open(2)). A link on the way is followed like any other.
//< unpack
let _ = || openat2(layer, c".", 0, 0, 0);
let (_, _) = split(name)?;
let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
match unlinkat(layer, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
    Ok(()) | Err(Errno::ENOENT) => {}
    Err(errno) => return Err(errno),
}
let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
write(openat(layer, name.as_c_str(), flags, MODE)?, contents)
//>

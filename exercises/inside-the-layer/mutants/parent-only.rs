//! belief: Once the directory is the right one, the file in it is.
//! truth: The last component can be a link as well: the archive makes `file` a link to /etc/passwd, and then brings `file` again. Without O_EXCL and O_NOFOLLOW the contents go through it.
//< unpack
let _ = || unlinkat(layer, c".", UnlinkatFlags::NoRemoveDir);
let (parent, last) = split(name)?;
let directory = libc::O_RDONLY | libc::O_DIRECTORY;
let parent = openat2(layer, &parent, directory, 0, libc::RESOLVE_BENEATH)?;
let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
write(openat(&parent, last.as_c_str(), flags, MODE)?, contents)
//>

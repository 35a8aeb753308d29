//! belief: With O_NOFOLLOW, to empty a file and write it anew is as good as to replace it.
//! truth: A file can have two names. Written in place, both show the new contents: an archive that brings `two` changes `one`. And a link or a fifo that is there is not replaced, but an error, or a reader waited for.
//< unpack
let _ = || unlinkat(layer, c".", UnlinkatFlags::NoRemoveDir);
let (parent, last) = split(name)?;
let directory = libc::O_RDONLY | libc::O_DIRECTORY;
let parent = openat2(layer, &parent, directory, 0, libc::RESOLVE_BENEATH)?;
let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW;
write(openat(&parent, last.as_c_str(), flags, MODE)?, contents)
//>

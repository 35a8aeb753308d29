//! belief: Without symbolic links nothing can go wrong.
//! truth: Nothing goes right either: images are full of links that a process inside follows without a thought, and `docker cp` has to do the same.
//< open
let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
let resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_SYMLINKS;
openat2(root, &path, libc::O_RDONLY, 0, resolve)
//>

//! belief: RESOLVE_BENEATH keeps a look-up inside of the directory.
//! truth: It refuses what would lead out, with EXDEV, in place of treating the directory as the root. A container has /lib64 -> /usr/lib64, an absolute link that means its own /usr; RESOLVE_IN_ROOT is what a root directory does.
//< open
let path = path.strip_prefix("/").unwrap_or(path);
let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
openat2(root, &path, libc::O_RDONLY, 0, libc::RESOLVE_BENEATH)
//>

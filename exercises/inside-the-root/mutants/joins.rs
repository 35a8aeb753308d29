//! belief: A path below the root begins with the root.
//! truth: It begins there. `..` and symbolic links then lead wherever they like, since the kernel resolves them on the host, from the host's root.
//< open
let path = path.strip_prefix("/").unwrap_or(path);
let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
openat2(root, &path, libc::O_RDONLY, 0, 0)
//>

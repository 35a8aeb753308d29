//! belief: O_NOFOLLOW makes a path safe from symbolic links.
//! truth: It is about the last component alone. Every directory on the way can be a link too. And a link that stays inside is no attack: half of an image's libraries are links.
//< open
let path = path.strip_prefix("/").unwrap_or(path);
let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
openat2(root, &path, libc::O_RDONLY | libc::O_NOFOLLOW, 0, 0)
//>

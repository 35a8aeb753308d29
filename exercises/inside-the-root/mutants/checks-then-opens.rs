//! belief: If realpath says that it is inside, it is inside.
//! truth: It was, when realpath looked. Between the check and the open the container exchanges a directory for a link, and needs to win only once (CVE-2018-15664).
//< open
use std::os::fd::AsRawFd;
let top = std::fs::canonicalize(format!("/proc/self/fd/{}", root.as_raw_fd()));
let top = top.map_err(|_| Errno::ENOENT)?;
let full = top.join(path.strip_prefix("/").unwrap_or(path));
let real = std::fs::canonicalize(&full).map_err(|_| Errno::ENOENT)?;
if !real.starts_with(&top) {
    return Err(Errno::EPERM);
}
let full = CString::new(full.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
openat2(root, &full, libc::O_RDONLY, 0, 0)
//>

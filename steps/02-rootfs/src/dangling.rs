//! Mount points behind symbolic links that lead to nothing: what a link leads to is made, inside the root.
//!
//! An image's `/etc/resolv.conf` is often a link into `/run`, which is empty until the container runs.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use kit::sys::descriptor::openat2;
use nix::errno::Errno;
use nix::fcntl::readlinkat;

use crate::mount::c_string;
use crate::resolve::{IN_ROOT, make_in};

/// As many links as the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Finds `path` below `base`, and makes what is missing of it. Each component is looked for anew from the root, so that
/// whatever is exchanged meanwhile, nothing outside of it is reached.
///
/// # Errors
/// ELOOP: the links lead in a circle. Else what the kernel says.
pub(crate) fn make(base: BorrowedFd<'_>, path: &[u8], is_file: bool) -> nix::Result<OwnedFd> {
    let mut found = None;
    let mut links = 0;
    let mut way = Vec::new();
    let mut rest = reversed(path);
    while let Some(name) = rest.pop() {
        let parent = c_string(if way.is_empty() { b"." } else { &way });
        let before = way.len();
        way.extend((!way.is_empty()).then_some(b'/'));
        way.extend_from_slice(name.to_bytes());
        match openat2(base, &c_string(&way), libc::O_PATH, 0, IN_ROOT) {
            Err(Errno::ENOENT) => {}
            place => {
                found = Some(place?);
                continue;
            }
        }
        let parent = openat2(base, &parent, libc::O_PATH | libc::O_DIRECTORY, 0, IN_ROOT)?;
        match readlinkat(&parent, name.as_c_str()) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::ELOOP);
                }
                let target = target.as_bytes();
                way.truncate(if target.starts_with(b"/") { 0 } else { before });
                rest.extend(reversed(target));
            }
            Err(Errno::ENOENT | Errno::EINVAL) => {
                found = Some(make_in(&parent, &name, is_file && rest.is_empty())?);
            }
            Err(errno) => return Err(errno),
        }
    }
    found.ok_or(Errno::ENOENT)
}

/// The components, the first of them last.
fn reversed(path: &[u8]) -> Vec<CString> {
    let names = path.split(|byte| *byte == b'/');
    let mut names: Vec<CString> = names
        .filter(|name| !matches!(*name, b"" | b"."))
        .map(c_string)
        .collect();
    names.reverse();
    names
}

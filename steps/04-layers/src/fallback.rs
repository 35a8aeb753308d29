//! Overlayfs before Linux 6.8: all lower layers in one string of mount(2), which has room for a page.
//!
//! A hundred absolute paths do not fit. So each layer is opened, and is called by its number: with `/proc/self/fd` as the
//! working directory, `7:8:9` are three layers. 500 of them need less than 2,500 bytes.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};

use kit::sys::mount::clone_tree;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount as mount2, umount2};
use nix::sys::stat::Mode;
use nix::unistd::fchdir;

/// One that is set, with its value if it has one.
pub(crate) type MountOption = (&'static CStr, Option<&'static CStr>);

/// The same as [`Overlay::mount`](crate::overlay::Overlay::mount), of the same parts: the layers, the topmost first,
/// the upper and work directory above them, and the options. A place is needed for a moment, in a mount namespace that is the
/// child's own: the topmost layer lends its directory, and is uncovered again.
pub(crate) fn mount(
    layers: &[CString],
    above: Option<(&CStr, &CStr)>,
    settings: &[MountOption],
) -> nix::Result<OwnedFd> {
    let before = directory(c".")?;
    let descriptors = directory(c"/proc/self/fd")?;
    let lower = layers
        .iter()
        .map(|path| directory(path))
        .collect::<nix::Result<Vec<_>>>()?;
    let options = options(&lower, above, settings)?;
    let place = &layers[0];
    fchdir(&descriptors)?;
    let mounted = mount2(
        Some(c"overlay"),
        place.as_c_str(),
        Some(c"overlay"),
        MsFlags::empty(),
        Some(options.as_c_str()),
    );
    fchdir(&before)?;
    mounted?;
    let detached = clone_tree(AT_FDCWD, place, 0);
    umount2(place.as_c_str(), MntFlags::MNT_DETACH)?;
    detached
}

fn directory(path: &CStr) -> nix::Result<OwnedFd> {
    open(
        path,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
}

fn options(
    lower: &[OwnedFd],
    above: Option<(&CStr, &CStr)>,
    settings: &[MountOption],
) -> nix::Result<CString> {
    let numbers: Vec<String> = lower.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let mut options = format!("lowerdir={}", numbers.join(":")).into_bytes();
    if let Some((upper, work)) = above {
        for (key, path) in [("upperdir", upper), ("workdir", work)] {
            options.extend(format!(",{key}=").bytes());
            options.extend(path.to_bytes());
        }
    }
    for (key, value) in settings {
        options.push(b',');
        options.extend(key.to_bytes());
        if let Some(value) = value {
            options.push(b'=');
            options.extend(value.to_bytes());
        }
    }
    if options.len() >= 4096 {
        return Err(Errno::E2BIG);
    }
    CString::new(options).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_hundred_layers_fit_in_a_page() {
        let lower: Vec<OwnedFd> = (0..500).map(|_| directory(c"/").unwrap()).collect();
        let above = Some((c"/a\\,b", c"/work"));
        let settings = [(c"index", Some(c"off")), (c"userxattr", None)];
        let options = options(&lower, above, &settings).unwrap();
        assert!(options.to_bytes().len() < 3000);
        let text = options.to_str().unwrap();
        assert!(text.ends_with(",upperdir=/a\\,b,workdir=/work,index=off,userxattr"));
    }
}

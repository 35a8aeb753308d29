//! Capabilities (capabilities(7)), as far as they are given up for good.

use nix::errno::Errno;

/// Takes a capability, by its number, out of the bounding set (PR_CAPBSET_DROP, prctl(2)): neither this process nor
/// any that comes of it can have it after the next execve, even as root. EINVAL: this kernel does not know the number.
pub fn drop_from_bounding_set(capability: u32) -> nix::Result<()> {
    // SAFETY: integers only; the last three are unused and must be zero.
    Errno::result(unsafe {
        libc::prctl(
            libc::PR_CAPBSET_DROP,
            libc::c_ulong::from(capability),
            0,
            0,
            0,
        )
    })
    .map(drop)
}

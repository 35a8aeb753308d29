//! The machine's clock, which no namespace divides (adjtimex(2)).

use nix::errno::Errno;

/// How much faster or slower than its own the clock runs, in the kernel's scaled parts per million.
pub fn frequency() -> nix::Result<libc::c_long> {
    adjust(0, 0).map(|state| state.freq)
}

/// Sets that.
///
/// # Errors
/// EPERM without CAP_SYS_TIME in the machine's own user namespace.
pub fn set_frequency(frequency: libc::c_long) -> nix::Result<()> {
    adjust(libc::ADJ_FREQUENCY, frequency).map(drop)
}

fn adjust(modes: libc::c_uint, frequency: libc::c_long) -> nix::Result<libc::timex> {
    // SAFETY: `timex` is plain data for which all zeroes is a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    state.modes = modes;
    state.freq = frequency;
    // SAFETY: `state` is valid for reading and writing.
    Errno::result(unsafe { libc::adjtimex(&raw mut state) })?;
    Ok(state)
}

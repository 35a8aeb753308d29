//! Keys that the kernel keeps (keyrings(7)), as far as the session's keyring goes.

use std::ffi::CStr;

use super::check;

/// A key's serial number.
pub type Serial = i32;

/// Gives this process a new session keyring without a name (KEYCTL_JOIN_SESSION_KEYRING, keyctl(2)). Children inherit
/// it; it goes with the last process that has it.
///
/// # Errors
/// ENOSYS if the kernel was built without CONFIG_KEYS.
pub fn join_new_session() -> nix::Result<Serial> {
    // SAFETY: a null pointer asks for a keyring without a name; the rest are integers.
    check(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    })
    .map(|serial| serial as Serial)
}

/// Adds a key of the type `user` to the session keyring (add_key(2)).
///
/// # Errors
/// EDQUOT if this user's quota of keys is used up.
pub fn add_to_session(description: &CStr, payload: &[u8]) -> nix::Result<Serial> {
    // SAFETY: both strings end in NUL, `payload` is valid for the length given, and all outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            description.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            libc::KEY_SPEC_SESSION_KEYRING,
        )
    })
    .map(|serial| serial as Serial)
}

/// Looks for a key of the type `user` in the session keyring (KEYCTL_SEARCH).
///
/// # Errors
/// ENOKEY if there is none of that description.
pub fn search_session(description: &CStr) -> nix::Result<Serial> {
    // SAFETY: both strings end in NUL and outlive the call; 0 asks for no link to what is found.
    check(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_SEARCH,
            libc::KEY_SPEC_SESSION_KEYRING,
            c"user".as_ptr(),
            description.as_ptr(),
            0,
        )
    })
    .map(|serial| serial as Serial)
}

/// Reads a key (KEYCTL_READ): as much as `buffer` holds; the length is the whole key's.
pub fn read(key: Serial, buffer: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: `buffer` is valid for writing for the length given.
    check(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_READ,
            key,
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    })
    .map(|length| length as usize)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_session_of_ones_own_has_what_was_put_into_it_alone() {
        // In a thread of its own: the keyring is the thread's until it ends.
        let test = || {
            match join_new_session() {
                // A sandbox may forbid keys altogether.
                Err(Errno::ENOSYS | Errno::EPERM) => return,
                joined => joined.unwrap(),
            };
            assert_eq!(search_session(c"kit-test"), Err(Errno::ENOKEY));
            let key = add_to_session(c"kit-test", b"swordfish").unwrap();
            assert_eq!(search_session(c"kit-test"), Ok(key));
            let mut buffer = [0; 5];
            assert_eq!(read(key, &mut buffer), Ok(9));
            join_new_session().unwrap();
            assert_eq!(search_session(c"kit-test"), Err(Errno::ENOKEY));
        };
        std::thread::spawn(test).join().unwrap();
    }
}

//! The handshake: a child in a new user namespace waits until the parent has mapped its ids.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use kit::sys::branch::branch;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, close};

/// Starts `program` in a child that has a user namespace of its own, and returns the child's pid.
///
/// The child must not run `program` before `attach`, which is given its pid, has returned `Ok`. If `attach` fails, or
/// this process dies first, the child ends without having run it.
pub fn start(
    program: impl FnOnce() -> u8,
    attach: impl FnOnce(Pid) -> io::Result<()>,
) -> io::Result<Pid> {
    let (gate, key) = io::pipe()?;
    let (pid, _pidfd) = branch(libc::CLONE_NEWUSER as u64, || {
        //< wait: run `program` once the parent has said so through `gate`, and never if it has died
        // The child's own copy of the writing end would keep the end of file away for ever.
        let _ = close(key.as_raw_fd());
        let mut word = [0; 1];
        match (&gate).read(&mut word) {
            Ok(1) => program(),
            _ => 125,
        }
        //= let _ = (&gate, &key, program);
        //= todo!("wait in the child");
        //>
    })?;
    //< open: do the parent's part, then let the child go; clean up if that fails
    match attach(pid).and_then(|()| (&key).write_all(b"G")) {
        Ok(()) => Ok(pid),
        Err(error) => {
            drop(key);
            waitpid(pid, None)?;
            Err(error)
        }
    }
    //= let _ = (pid, attach);
    //= todo!("open the gate in the parent");
    //>
}

/// Makes user `uid` and group `gid` of the parent's namespace root in the user namespace of process `pid`.
pub fn map_ids(pid: Pid, uid: u32, gid: u32) -> io::Result<()> {
    //< map_ids: write the three files of /proc/PID that it takes, in the order that needs no privilege
    let write = |file: &str, text: String| fs::write(format!("/proc/{pid}/{file}"), text);
    write("setgroups", "deny".to_owned())?;
    write("gid_map", format!("0 {gid} 1"))?;
    write("uid_map", format!("0 {uid} 1"))
    //= let _ = (pid, uid, gid);
    //= todo!("map the ids");
    //>
}

//! A command that is limited from its first instruction on.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::Path;

use kit::sys::branch::branch;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, execv};

/// Starts `command` in a new cgroup, the directory `cgroup`, with these limits (file and value), and returns its pid.
pub fn start(cgroup: &Path, limits: &[(&str, &str)], command: &[&CStr]) -> io::Result<Pid> {
    //< make: the cgroup with its limits is there before anybody is in it, or nothing is
    fs::create_dir(cgroup)?;
    for (file, value) in limits {
        if let Err(error) = fs::write(cgroup.join(file), value) {
            fs::remove_dir(cgroup)?;
            return Err(error);
        }
    }
    //= let _ = (cgroup, limits, fs::create_dir::<&Path>);
    //= todo!("make the cgroup");
    //>
    let (pid, _pidfd) = branch(0, || {
        //< join: the child is in the cgroup before it becomes the command
        if fs::write(cgroup.join("cgroup.procs"), "0").is_err() {
            return 125;
        }
        let Err(_) = execv(command[0], command);
        127
        //= let _ = (command, execv::<&CStr>);
        //= todo!("join the cgroup and execute the command");
        //>
    })?;
    Ok(pid)
}

/// Ends the command and removes its cgroup.
pub fn remove(cgroup: &Path, pid: Pid) -> io::Result<()> {
    //< remove: a cgroup can be removed when nobody is in it
    kill(pid, Signal::SIGKILL)?;
    waitpid(pid, None)?;
    fs::remove_dir(cgroup)
    //= let _ = (cgroup, kill::<Signal>, Signal::SIGKILL, waitpid::<Pid>, pid);
    //= todo!("end the command and remove the cgroup");
    //>
}

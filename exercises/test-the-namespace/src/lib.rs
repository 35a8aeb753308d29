//! A test for programs that run a shell script in namespaces of its own.

use std::fs;

/// Runs a shell script in a container that is made for it, and returns what it prints.
pub type Start<'a> = &'a dyn Fn(&str) -> String;

/// Says what is wrong with the program behind `start`, if anything is.
pub fn judge(start: Start<'_>) -> Result<(), String> {
    //< judge: accept the program that is right, reject those that are not
    for kind in ["pid", "mnt", "uts", "ipc", "net"] {
        let inside = start(&format!("readlink /proc/self/ns/{kind}"));
        let outside = fs::read_link(format!("/proc/self/ns/{kind}")).map_err(|e| e.to_string())?;
        if inside.trim() == outside.to_string_lossy() {
            return Err(format!("the {kind} namespace is the host's"));
        }
    }
    // `exec` keeps the process, so that both are about the same one.
    let seen = start("echo $$; exec readlink /proc/self");
    let numbers: Vec<&str> = seen.split_whitespace().collect();
    if numbers.len() != 2 || numbers[0] != numbers[1] {
        return Err(format!("/proc shows another PID namespace: {numbers:?}"));
    }
    start("mount -t tmpfs leaked-by-the-test /mnt");
    let host = fs::read_to_string("/proc/self/mountinfo").map_err(|e| e.to_string())?;
    match host.contains("leaked-by-the-test") {
        true => Err("a mount has appeared on the host".to_owned()),
        false => Ok(()),
    }
    //= let _ = (start, fs::read_to_string::<&str>);
    //= todo!("write the test");
    //>
}

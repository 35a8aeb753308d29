//! A test for programs that run a shell script in a root file system of its own.

use std::fs;

/// Runs a shell script in a container that is made for it, and returns what it prints.
pub type Start<'a> = &'a dyn Fn(&str) -> String;

/// Says what is wrong with the program behind `start`, if anything is.
pub fn judge(start: Start<'_>) -> Result<(), String> {
    //< judge: accept the program that is right, reject those that are not
    let mountinfo = start("cat /proc/self/mountinfo");
    let fields = |line: &'_ str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let mounts: Vec<Vec<String>> = mountinfo.lines().map(fields).collect();
    let option = |point: &str| {
        mounts
            .iter()
            .rev()
            .find(|m| m[4] == point)
            .map(|m| m[5].clone())
    };
    if option("/").is_none() {
        return Err("nothing is mounted on /: it is a chroot".to_owned());
    }
    let known = |point: &str| {
        ["/proc", "/sys", "/dev"]
            .iter()
            .any(|top| point.starts_with(top))
    };
    if let Some(mount) = mounts.iter().find(|m| m[4] != "/" && !known(&m[4])) {
        return Err(format!("{} is left of the host", mount[4]));
    }
    for point in ["/sys", "/proc/sys"] {
        if !option(point).is_some_and(|options| options.starts_with("ro")) {
            return Err(format!("{point} is writable"));
        }
    }
    let seen = start("echo $$; exec readlink /proc/self");
    let numbers: Vec<&str> = seen.split_whitespace().collect();
    if numbers.len() != 2 || numbers[0] != numbers[1] {
        return Err("/proc is another's".to_owned());
    }
    fs::write("/dev/only-on-the-host", "").map_err(|error| error.to_string())?;
    match start("ls /dev").contains("only-on-the-host") {
        true => Err("/dev is the host's".to_owned()),
        false => Ok(()),
    }
    //= let _ = (start, fs::write::<&str, &str>);
    //= todo!("write the test");
    //>
}

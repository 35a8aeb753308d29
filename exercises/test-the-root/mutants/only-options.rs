//! belief: What is read-only is safe.
//! truth: Read-only is about writing. A process of the host that /proc shows, and a disk of the host in /dev, are read.
//< judge
let _ = fs::write::<&str, &str>;
let mountinfo = start("cat /proc/self/mountinfo");
let is_read_only = |wanted: &str| {
    let line = mountinfo.lines().rev().find(|line| line.split(' ').nth(4) == Some(wanted));
    line.is_some_and(|line| line.split(' ').nth(5).unwrap_or("").starts_with("ro"))
};
match is_read_only("/sys") && is_read_only("/proc/sys") {
    true => Ok(()),
    false => Err("writable".to_owned()),
}
//>

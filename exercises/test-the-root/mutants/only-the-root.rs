//! belief: A mount on / is the sign of pivot_root.
//! truth: It is one of the signs. The old root can still be mounted, and what is below the new one can be anybody's.
//< judge
let _ = fs::write::<&str, &str>;
let mountinfo = start("cat /proc/self/mountinfo");
match mountinfo.lines().any(|line| line.split(' ').nth(4) == Some("/")) {
    true => Ok(()),
    false => Err("a chroot".to_owned()),
}
//>

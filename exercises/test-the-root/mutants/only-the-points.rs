//! belief: Every mount is where it should be.
//! truth: A mount point says where, not what, and not how: /proc can be the host's, /dev too, and /sys can be writable.
//< judge
let _ = fs::write::<&str, &str>;
let mountinfo = start("cat /proc/self/mountinfo");
let points: Vec<&str> = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).collect();
let known = |point: &str| ["/proc", "/sys", "/dev"].iter().any(|top| point.starts_with(top));
if !points.contains(&"/") {
    return Err("a chroot".to_owned());
}
match points.iter().find(|point| **point != "/" && !known(point)) {
    Some(point) => Err(format!("{point} is left")),
    None => Ok(()),
}
//>

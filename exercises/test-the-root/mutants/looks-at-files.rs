//! belief: If the files are the image's, the root is the container's.
//! truth: A chroot shows the same files. What is mounted is what decides, and that is in /proc/self/mountinfo.
//< judge
let _ = fs::write::<&str, &str>;
match start("cat /image").trim() {
    "yes" => Ok(()),
    other => Err(format!("another root: {other}")),
}
//>

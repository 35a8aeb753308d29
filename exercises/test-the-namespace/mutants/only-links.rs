//! belief: A namespace whose inode differs is all that can be asked for.
//! truth: Being in a namespace and being cut off are two things: /proc goes on showing the namespace of whoever mounted it, and a new mount namespace begins as a copy whose mounts are peers of the host's.
//< judge
for kind in ["pid", "mnt", "uts", "ipc", "net"] {
    let inside = start(&format!("readlink /proc/self/ns/{kind}"));
    let outside = fs::read_link(format!("/proc/self/ns/{kind}")).map_err(|e| e.to_string())?;
    if inside.trim() == outside.to_string_lossy() {
        return Err(format!("the {kind} namespace is the host's"));
    }
}
Ok(())
//>

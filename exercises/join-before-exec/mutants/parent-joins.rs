//! belief: A child is born in the cgroup of its parent, so the parent joins first.
//! truth: It is, and the parent stays there: limited like its container, and in the way of the rmdir, which fails with EBUSY while anybody is in the cgroup.
//< make
fs::create_dir(cgroup)?;
for (file, value) in limits {
    if let Err(error) = fs::write(cgroup.join(file), value) {
        fs::remove_dir(cgroup)?;
        return Err(error);
    }
}
fs::write(cgroup.join("cgroup.procs"), "0")?;
//>
//< join
let Err(_) = execv(command[0], command);
127
//>

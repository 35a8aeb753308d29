//! belief: The pid can be written as soon as it is known.
//! truth: By then the command runs, outside. Whatever it has forked meanwhile stays outside for good, since a child is born where its parent is: move before the execve, in the child itself.
//< join
let Err(_) = execv(command[0], command);
127
//>
//< make
fs::create_dir(cgroup)?;
for (file, value) in limits {
    if let Err(error) = fs::write(cgroup.join(file), value) {
        fs::remove_dir(cgroup)?;
        return Err(error);
    }
}
let (pid, _pidfd) = branch(0, || {
    let Err(_) = execv(command[0], command);
    127
})?;
std::thread::sleep(std::time::Duration::from_millis(200));
fs::write(cgroup.join("cgroup.procs"), pid.to_string())?;
if true {
    return Ok(pid);
}
//>

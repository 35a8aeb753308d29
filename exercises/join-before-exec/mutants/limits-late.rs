//! belief: The limits can be written once the process is in the cgroup.
//! truth: pids.max stops the next fork, and not those that have been: what the command has done by then stays done.
//< make
fs::create_dir(cgroup)?;
//>
//< join
if fs::write(cgroup.join("cgroup.procs"), "0").is_err() {
    return 125;
}
let late = branch(0, || {
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut done = true;
    for (file, value) in limits {
        done &= fs::write(cgroup.join(file), value).is_ok();
    }
    u8::from(!done)
});
let _ = late;
let Err(_) = execv(command[0], command);
127
//>

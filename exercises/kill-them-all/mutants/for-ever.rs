//! belief: In the end they will all be gone.
//! truth: A process that hangs in the kernel, for a disk that has died, is killed by nothing. Whoever waits for it without a limit hangs as well.
//< kill_all
loop {
    if fs::write(cgroup.join("cgroup.kill"), "1").is_err() {
        kill_listed(cgroup)?;
    }
    if is_empty(cgroup)? {
        return Ok(());
    }
    sleep(Duration::from_millis(1));
}
//>

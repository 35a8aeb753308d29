//! belief: cgroup.procs lists whoever is in the cgroup.
//! truth: It lists those that are in this very directory. A container that may write to its cgroup can make others below it, and move its processes there.
//< kill_all
let end = Instant::now() + Duration::from_secs(2);
while Instant::now() < end {
    let list = processes(cgroup)?;
    if list.is_empty() {
        return Ok(());
    }
    for pid in list {
        let _ = kill(pid, Signal::SIGKILL);
    }
    sleep(Duration::from_micros(100));
}
Err(io::Error::other("some processes do not end"))
//>
//< below
//>

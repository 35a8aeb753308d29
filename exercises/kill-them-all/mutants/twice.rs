//! belief: What slips through the first round is caught in the second.
//! truth: A process that forks and ends is on the list at most as a pid that is gone by the time of the signal. Rounds have to go on until a look finds nobody.
//< kill_all
for _ in 0..2 {
    kill_listed(cgroup)?;
}
Ok(())
//>
//< below

fn kill_listed(cgroup: &Path) -> io::Result<()> {
    for pid in processes(cgroup)? {
        let _ = kill(pid, Signal::SIGKILL);
    }
    for below in fs::read_dir(cgroup)? {
        let below = below?.path();
        if below.is_dir() {
            kill_listed(&below)?;
        }
    }
    Ok(())
}
//>

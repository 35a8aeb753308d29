//! belief: SIGTERM ends a process.
//! truth: It asks. A process may catch it, or ignore it, and what is in a container need not be polite; after the time to stop there is only SIGKILL.
//< kill_all
for _ in 0..100 {
    kill_listed(cgroup)?;
    sleep(Duration::from_millis(1));
}
Ok(())
//>
//< below

fn kill_listed(cgroup: &Path) -> io::Result<()> {
    for pid in processes(cgroup)? {
        let _ = kill(pid, Signal::SIGTERM);
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

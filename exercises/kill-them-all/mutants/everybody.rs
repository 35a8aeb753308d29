//! belief: What a container runs is below its first process, or is in its process group.
//! truth: Neither: an orphan is the child of PID 1, and setsid(2) makes a group of one's own. And a signal to -1 goes to everybody that the sender may signal, in whatever cgroup.
//< kill_all
for _ in 0..200 {
    if processes(cgroup)?.is_empty() {
        break;
    }
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    sleep(Duration::from_millis(2));
}
Ok(())
//>
//< below
//>

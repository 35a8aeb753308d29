//! belief: A killed process is gone.
//! truth: It is in the cgroup until it has ended, which takes a moment, and its parent has to wait for it. rmdir meanwhile says EBUSY.
//< remove
let _ = waitpid::<Pid>;
kill(pid, Signal::SIGKILL)?;
fs::remove_dir(cgroup)
//>

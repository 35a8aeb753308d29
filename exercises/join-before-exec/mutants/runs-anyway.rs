//! belief: If joining fails, the command runs without a limit: better than not at all.
//! truth: Whoever asked for the limit relies on it. A container that was to have 64 MiB and has all there is, is an outage on its way; a refusal is an error message.
//< join
let _ = fs::write(cgroup.join("cgroup.procs"), "0");
let Err(_) = execv(command[0], command);
127
//>

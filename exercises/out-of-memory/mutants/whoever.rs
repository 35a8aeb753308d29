//! belief: Whatever the counter says happened to the process that I wait for.
//! truth: The counter is the cgroup's. If the first process exited by itself, the OOM killer has killed another one, and to say that the container was killed would be wrong.
//< explain
let _ = (was_killed, Ending::ChildOutOfMemory);
let counts = fs::read_to_string(cgroup.join("memory.events"))
    .or_else(|_| fs::read_to_string(cgroup.join("memory.oom_control")))
    .unwrap_or_default();
let kills = counts.lines().find_map(|line| line.strip_prefix("oom_kill "));
match kills.and_then(|number| number.trim().parse().ok()).unwrap_or(0u64) {
    0 => Ending::Ordinary,
    _ => Ending::OutOfMemory,
}
//>

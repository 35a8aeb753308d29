//! belief: If the first process was not killed, nobody was.
//! truth: The OOM killer takes the largest process of the cgroup, which is often a child: a build whose compiler was killed ends with an exit code like any other, and nobody knows why.
//< explain
let counts = fs::read_to_string(cgroup.join("memory.events"))
    .or_else(|_| fs::read_to_string(cgroup.join("memory.oom_control")))
    .unwrap_or_default();
let kills = counts.lines().find_map(|line| line.strip_prefix("oom_kill "));
let kills: u64 = kills.and_then(|number| number.trim().parse().ok()).unwrap_or(0);
let _ = Ending::ChildOutOfMemory;
match (kills, was_killed) {
    (1.., true) => Ending::OutOfMemory,
    _ => Ending::Ordinary,
}
//>

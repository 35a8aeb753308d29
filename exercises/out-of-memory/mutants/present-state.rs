//! belief: The cgroup says whether it is out of memory.
//! truth: under_oom says so of this moment. When the process has ended its memory is free again, and the answer is 0; what has happened is in the counter oom_kill.
//< explain
let counts = fs::read_to_string(cgroup.join("memory.oom_control")).unwrap_or_default();
let under = counts.lines().any(|line| line == "under_oom 1");
match (under, was_killed) {
    (false, _) => Ending::Ordinary,
    (true, true) => Ending::OutOfMemory,
    (true, false) => Ending::ChildOutOfMemory,
}
//>

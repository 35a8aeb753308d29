//! belief: If memory is left, it was not for want of memory.
//! truth: Memory is left because the process was killed: its pages were freed before anybody could look. Usage says nothing about the past.
//< explain
let read = |file: &str| fs::read_to_string(cgroup.join(file)).unwrap_or_default();
let number = |v1: &str, v2: &str| {
    let text = if cgroup.join(v1).exists() { read(v1) } else { read(v2) };
    text.trim().parse::<u64>().unwrap_or(u64::MAX)
};
let used = number("memory.usage_in_bytes", "memory.current");
let limit = number("memory.limit_in_bytes", "memory.max");
match (used >= limit / 10 * 9, was_killed) {
    (true, true) => Ending::OutOfMemory,
    (true, false) => Ending::ChildOutOfMemory,
    (false, _) => Ending::Ordinary,
}
//>

//! belief: A container that has reached its limit was killed for it.
//! truth: The limit is reached all the time: the page cache grows until it is, and then the kernel reclaims (memory.max_usage_in_bytes, memory.peak, and `max` in memory.events, show that). It kills only when reclaim finds nothing.
//< explain
let number = |v1: &str, v2: &str| {
    let text = fs::read_to_string(cgroup.join(v1)).or_else(|_| fs::read_to_string(cgroup.join(v2)));
    text.ok().and_then(|text| text.trim().parse::<u64>().ok())
};
let most = number("memory.max_usage_in_bytes", "memory.peak").unwrap_or(0);
let limit = number("memory.limit_in_bytes", "memory.max").unwrap_or(u64::MAX);
match (most >= limit / 100 * 99, was_killed) {
    (false, _) => Ending::Ordinary,
    (true, true) => Ending::OutOfMemory,
    (true, false) => Ending::ChildOutOfMemory,
}
//>

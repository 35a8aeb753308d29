//! belief: A container must not have any mount that the host has.
//! truth: It has its own proc and its own sysfs, and both are called so on the host as well. Compare what a mount shows, not its name.
//< judge
let host = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
let _ = fs::write::<&str, &str>;
let inside = start("cat /proc/self/mountinfo");
let point = |line: &'_ str| line.split(' ').nth(4).map(str::to_owned);
let points: Vec<_> = host.lines().filter_map(point).collect();
match inside.lines().filter_map(point).any(|point| points.contains(&point)) {
    true => Err("a mount of the host".to_owned()),
    false => Ok(()),
}
//>

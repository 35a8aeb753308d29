//! belief: Who is in a cgroup is limited by it.
//! truth: If the cgroup has a limit, and the one that was asked for. Membership is one line of /proc/self/cgroup; the limit is another file.
//< judge
let _ = fs::read_to_string::<&Path>;
let seen = start(5, "cat /proc/self/cgroup");
let name = top.file_name().unwrap_or_default().to_string_lossy().into_owned();
match seen.contains(&format!("{name}/")) {
    true => Ok(()),
    false => Err("it is in no cgroup of its own".to_owned()),
}
//>

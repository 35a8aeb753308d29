//! belief: The maps are two files, and each can be written by itself.
//! truth: An ordinary user may write gid_map only after setgroups(2) has been given up for good in that namespace, by writing "deny" to setgroups. A group can be there to take rights away, and whoever could drop it would gain them (CVE-2014-8989).
//< map_ids
let write = |file: &str, text: String| fs::write(format!("/proc/{pid}/{file}"), text);
write("gid_map", format!("0 {gid} 1"))?;
write("setgroups", "deny".to_owned())?;
write("uid_map", format!("0 {uid} 1"))
//>

//! belief: A map is written to /proc/self, because it is about who I am.
//! truth: The files belong to the user namespace of the process in whose directory they lie. In /proc/self they are those of the parent's namespace, which has had its maps since it was made; a map is written once.
//< map_ids
let _ = pid;
let write = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text);
write("setgroups", "deny".to_owned())?;
write("gid_map", format!("0 {gid} 1"))?;
write("uid_map", format!("0 {uid} 1"))
//>

//! belief: Whatever differs from the host's is suspicious.
//! truth: A test that rejects the right program will be switched off within a week, and then it finds nothing at all.
//< judge
let inside = start("cat /proc/self/mountinfo");
let outside = fs::read_to_string("/proc/self/mountinfo").map_err(|e| e.to_string())?;
match inside == outside {
    true => Ok(()),
    false => Err("the mounts differ".to_owned()),
}
//>

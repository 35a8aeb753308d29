//! belief: If the shell is process 1, it is in a container.
//! truth: PID 1 is one namespace of five. Each of the others is asked for by a flag of its own, and each can be forgotten by itself.
//< judge
let _ = fs::read_to_string::<&str>;
match start("echo $$").trim() {
    "1" => Ok(()),
    other => Err(format!("the shell is process {other}")),
}
//>

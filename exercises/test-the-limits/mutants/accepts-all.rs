//! belief: A script that runs is a program that works.
//! truth: It runs without any limit as well. Let it do what the limit forbids.
//< judge
let _ = (top, fs::read_to_string::<&Path>);
match start(5, "echo hello").trim() {
    "hello" => Ok(()),
    other => Err(other.to_owned()),
}
//>

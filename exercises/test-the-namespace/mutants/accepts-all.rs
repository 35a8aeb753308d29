//! belief: It prints what I expect, so it works.
//! truth: A test that no wrong program fails says nothing about the right one. First make it fail.
//< judge
let _ = fs::read_to_string::<&str>;
match start("echo hello").trim() {
    "hello" => Ok(()),
    other => Err(other.to_owned()),
}
//>

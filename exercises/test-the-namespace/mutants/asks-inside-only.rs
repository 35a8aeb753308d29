//! belief: What the container says of itself shows what it is.
//! truth: A program in a namespace cannot tell whose it is: its host name, its interfaces and its System V queues look alike in the host's and in a new one. Compare with what the host shows of itself.
//< judge
let _ = fs::read_to_string::<&str>;
let seen = start("echo $$; exec readlink /proc/self");
let numbers: Vec<&str> = seen.split_whitespace().collect();
if numbers.len() != 2 || numbers[0] != numbers[1] {
    return Err("wrong /proc".to_owned());
}
if numbers[0] != "1" {
    return Err("wrong PID namespace".to_owned());
}
match start("hostname").trim() {
    "box" => Ok(()),
    _ => Err("wrong host name".to_owned()),
}
//>

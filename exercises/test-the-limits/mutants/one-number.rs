//! belief: If the limit holds once, it holds.
//! truth: A program that always writes the same number passes whatever test asks for that number. Two different ones tell.
//< judge
let _ = fs::read_to_string::<&Path>;
let script = "i=0; while [ $i -lt 10 ]; do sleep 1 >/dev/null & i=$((i+1)); echo forked; done";
let forked = start(4, script).matches("forked").count();
let entries = fs::read_dir(top).into_iter().flatten().flatten();
match (forked, entries.filter(|entry| entry.path().is_dir()).count()) {
    (3, 0) => Ok(()),
    (other, left) => Err(format!("{other} {left}")),
}
//>

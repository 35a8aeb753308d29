//! belief: After a second everything is in its place.
//! truth: The first second is what the limit is for: a program that forks at once has forked by then, outside, where its children stay.
//< judge
let _ = (top, fs::read_to_string::<&Path>);
for limit in [3, 6] {
    let script = "sleep 1; i=0; while [ $i -lt 10 ]; do sleep 1 >/dev/null & i=$((i+1)); echo forked; done";
    let forked = start(limit, script).matches("forked").count();
    if forked + 1 != limit as usize {
        return Err(format!("{forked}"));
    }
}
Ok(())
//>

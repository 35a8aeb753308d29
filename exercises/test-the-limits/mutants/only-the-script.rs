//! belief: What the script sees is what the program does.
//! truth: The script cannot see what is left when it has ended, nor who else was moved or limited. A good deal of what goes wrong in a runtime goes wrong on the host.
//< judge
let _ = (top, fs::read_to_string::<&Path>);
for limit in [3, 6] {
    let script = "i=0; while [ $i -lt 10 ]; do sleep 1 >/dev/null & i=$((i+1)); echo forked; done";
    let forked = start(limit, script).matches("forked").count();
    if forked + 1 != limit as usize {
        return Err(format!("{forked}"));
    }
}
Ok(())
//>

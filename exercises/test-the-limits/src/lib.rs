//! A test for programs that run a shell script with a limit on its processes.

use std::fs;
use std::path::Path;

/// Runs a shell script in a new cgroup with at most so many processes, and returns what it prints.
pub type Start<'a> = &'a dyn Fn(u32, &str) -> String;

/// Says what is wrong with the program behind `start`, if anything is. It makes its cgroups in `top`.
pub fn judge(start: Start<'_>, top: &Path) -> Result<(), String> {
    //< judge: accept the program that is right, reject those that are not
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let view = || -> (Vec<String>, String, String) {
        let entries = fs::read_dir(top).into_iter().flatten().flatten();
        let directories = entries.filter(|entry| entry.path().is_dir());
        let names = directories.map(|entry| entry.file_name().to_string_lossy().into_owned());
        (
            names.collect(),
            read(&top.join("pids.max")),
            read(Path::new("/proc/self/cgroup")),
        )
    };
    let before = view();
    for limit in [3, 6] {
        let script =
            "i=0; while [ $i -lt 10 ]; do sleep 1 >/dev/null & i=$((i+1)); echo forked; done";
        let forked = start(limit, script).matches("forked").count();
        // The shell is one of them.
        if forked + 1 != limit as usize {
            return Err(format!(
                "with a limit of {limit} there were {} processes",
                forked + 1
            ));
        }
        if view() != before {
            return Err(format!("the host was {before:?}, and is {:?}", view()));
        }
    }
    Ok(())
    //= let _ = (start, top, fs::read_to_string::<&Path>);
    //= todo!("write the test");
    //>
}

//! The obvious way to limit a command: start it, put it into a cgroup, take the cgroup away at the end.
//!
//! `naive LIMIT COMMAND [ARGUMENT…]` lets COMMAND have LIMIT processes, as long as it wants to be limited and nobody
//! is killed. The tests break it in both ways.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [limit, program, rest @ ..] = arguments.as_slice() else {
        panic!("naive LIMIT COMMAND [ARGUMENT…]");
    };
    let mut child = Command::new(program)
        .args(rest)
        .spawn()
        .expect("the command can be started");

    // By now it runs, and whatever it has forked meanwhile is not limited.
    let top = top();
    let cgroup = format!("{top}/naive-{}", std::process::id());
    fs::create_dir(&cgroup).expect("a cgroup can be made");
    fs::write(format!("{cgroup}/pids.max"), limit).expect("it can be limited");
    fs::write(format!("{cgroup}/cgroup.procs"), child.id().to_string())
        .expect("the command can be put into it");

    let status = child.wait().expect("the command ends");
    fs::remove_dir(&cgroup).expect("its cgroup can be removed");
    ExitCode::from(status.code().unwrap_or(1) as u8)
}

/// Where the pids controller is: by itself on v1, with all the others on v2.
fn top() -> &'static str {
    let v1 = "/sys/fs/cgroup/pids";
    if Path::new(v1).exists() {
        return v1;
    }
    let v2 = "/sys/fs/cgroup";
    fs::write(format!("{v2}/cgroup.subtree_control"), "+pids")
        .expect("the controller can be handed out");
    v2
}

//! What becomes of a container's processes.

use harness::{Census, Run};

use crate::Way;

/// The parent is killed. Does the container go on, with nobody who knows of it?
pub(crate) fn outlive_parent(way: Way) -> bool {
    let census = Census::take();
    let running = way
        .sh("echo ready; exec sleep 1000 >/dev/null 2>&1")
        .spawn();
    running.expect("ready");
    running.signal(libc::SIGKILL);
    let lives = !census.changes().is_empty();
    // Else the harness would find it too.
    drop(running);
    lives
}

/// Orphans become children of PID 1. One that is no init does not wait for them, and each stays in the process table.
pub(crate) fn zombies(way: Way) -> bool {
    let look = "select(undef, undef, undef, 0.3);
        print grep { /\\) Z / } map { open(my $f, \"<\", $_); <$f> } glob \"/proc/[0-9]*/stat\"";
    // A shell that makes orphans becomes a program that knows nothing of them.
    let script = format!(
        "mount -t proc proc /proc
        for i in 1 2 3; do sh -c 'sleep 0.05 >/dev/null & exit'; done
        exec perl -e '{look}'"
    );
    // On a stage of its own, for the naive way lets the mount out: which is another attack.
    let output = Run::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .args(way.words())
        .args(["sh", "-c", &script])
        .output();
    output.assert_code(0).out().contains(") Z ")
}

//! What is typed on the caller's terminal.

use crate::Way;

/// A process whose controlling terminal is the caller's may read from it what is typed for others, and, where the
/// kernel lets it (TIOCSTI, ioctl_tty(2)), type itself.
pub(crate) fn reading_what_is_typed(way: Way) -> bool {
    let script = "exec 2>/dev/null; if read x </dev/tty; then echo \"it read $x\"; else echo nothing read; fi";
    let terminal = way.sh(&format!("echo ready; {script}")).under_pty();
    terminal.expect("ready");
    terminal.send("swordfish\r");
    terminal.expect("read");
    terminal
        .wait()
        .assert_code(0)
        .out()
        .contains("it read swordfish")
}

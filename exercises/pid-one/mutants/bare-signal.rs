//! belief: The exit code of a process that a signal has ended is the signal's number.
//! truth: A process that was killed has no exit code. By the shells' convention, which Docker follows, 128 + n stands for signal n, so that 9 can be told from exit(9).
//< code
match status {
    WaitStatus::Exited(_, code) => Some(code as u8),
    WaitStatus::Signaled(_, signal, _) => Some(signal as u8),
    _ => None,
}
//>

//! belief: There is one SIGCHLD for each child that ends.
//! truth: A signal is a bit, not a queue: while one SIGCHLD is pending, others are merged into it (signal(7)). Several children may stand behind one signal, so ask until nobody else has ended.
//< reap
match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
    Ok(status) if status.pid() == Some(command) => exit_code(status),
    _ => None,
}
//>

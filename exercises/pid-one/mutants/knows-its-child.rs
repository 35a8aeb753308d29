//! belief: PID 1 has started one child, so that is the one to wait for.
//! truth: When a process ends, the kernel gives its children to the PID 1 of the namespace. Each of them stays a zombie until PID 1 has waited for it, and PID 1 never knew it had it.
//< reap
match waitpid(command, Some(WaitPidFlag::WNOHANG)) {
    Ok(status) => exit_code(status),
    Err(_) => None,
}
//>

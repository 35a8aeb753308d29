//! belief: PID 1 may end when it has no children left.
//! truth: The container ends with its command. PID 1 that waits for the rest keeps a finished container alive for as long as anything runs in it; by ending it makes the kernel kill the rest (pid_namespaces(7)).
//< reap
thread_local!(static CODE: std::cell::Cell<Option<u8>> = const { std::cell::Cell::new(None) });
loop {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => return None,
        Err(_) => return CODE.get(),
        Ok(status) if status.pid() == Some(command) => CODE.set(exit_code(status)),
        Ok(_) => {}
    }
}
//>

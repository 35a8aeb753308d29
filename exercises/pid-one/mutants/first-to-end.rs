//! belief: A child has ended, so the command has.
//! truth: PID 1 is the parent of every orphan of the namespace. Which child has ended is in the pid of the status; a container must not end because some helper did.
//< reap
let mut code = None;
loop {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) | Err(_) => return code,
        Ok(status) => code = exit_code(status).or(code),
    }
}
//>
//< forward
let _ = kill(command, signal);
//>

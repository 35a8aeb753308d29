//! belief: What is not to be inherited can be closed here.
//! truth: Between this call and execve(2) the process still works: it reports that the command was not found, for example, through one of those descriptors. Close-on-exec closes them at the right moment.
//< keep
close_on_exec_from(3)?;
for number in 3..10_000 {
    if !keep.contains(&number) {
        let _ = nix::unistd::close(number);
    }
}
for &number in keep {
    // SAFETY: borrowed for one call, which fails if nothing of this number is open.
    fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_SETFD(FdFlag::empty()))?;
}
Ok(())
//>

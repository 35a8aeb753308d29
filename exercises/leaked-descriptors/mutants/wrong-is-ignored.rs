//! belief: A number that is not open need not be kept.
//! truth: Whoever asked for it relies on it: the command would start without its socket, or worse, open some file of its own under that number and take it for the socket. EBADF is for the caller, who can still say so.
//< keep
close_on_exec_from(3)?;
for &number in keep {
    // SAFETY: borrowed for one call, which fails if nothing of this number is open.
    let _ = fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_SETFD(FdFlag::empty()));
}
Ok(())
//>

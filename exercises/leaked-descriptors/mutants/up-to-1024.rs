//! belief: Descriptors have numbers below 1024.
//! truth: 1024 is only the usual soft limit (RLIMIT_NOFILE), and it can have been higher when a descriptor was opened. close_range(2) takes all there are.
//< keep
let set = |number: RawFd, flags| {
    // SAFETY: borrowed for one call, which fails if nothing of this number is open.
    fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_SETFD(flags)).map(drop)
};
let _ = close_on_exec_from;
for number in 3..1024 {
    let _ = set(number, FdFlag::FD_CLOEXEC);
}
keep.iter().try_for_each(|&number| set(number, FdFlag::empty()))
//>

//! belief: What is to be kept is a range, from 3 to the highest of them.
//! truth: `keep` is a list: 50 and 90 do not mean 60 and 70, and one of those may be a directory of the host.
//< keep
close_on_exec_from(3)?;
for &number in keep {
    // SAFETY: borrowed for one call, which fails if nothing of this number is open.
    fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_GETFD)?;
}
let last = keep.iter().copied().max().unwrap_or(2);
for number in 3..=last {
    // SAFETY: borrowed for one call, which fails if nothing of this number is open.
    let _ = fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_SETFD(FdFlag::empty()));
}
Ok(())
//>

//! belief: It is enough that a copy of the descriptor stays open.
//! truth: The command is told a number, 3 for a socket that it is to listen on. dup(2) gives the same file under another number, which nobody knows of.
//< keep
close_on_exec_from(3)?;
for &number in keep {
    // SAFETY: borrowed for one call, which fails if nothing of this number is open.
    let copy = nix::unistd::dup(unsafe { BorrowedFd::borrow_raw(number) })?;
    std::mem::forget(copy);
}
Ok(())
//>

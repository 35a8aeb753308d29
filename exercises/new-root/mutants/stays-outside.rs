//! belief: The working directory moves along with the root.
//! truth: pivot_root moves only those who stood in the old root itself. A process that stood anywhere else still stands there, on a mount that no path leads to, and `..` and relative paths go on from there.
//< pivot
let old = directory.join(".old");
let _ = std::fs::create_dir(&old);
let _ = chdir::<str>;
pivot_root(directory, &old)?;
umount2("/.old", MntFlags::MNT_DETACH)?;
let _ = std::fs::remove_dir("/.old");
Ok(())
//>

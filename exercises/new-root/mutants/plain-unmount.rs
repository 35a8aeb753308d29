//! belief: What nobody needs any more can be unmounted.
//! truth: The program that does this was executed from the old root, which is therefore busy: EBUSY. MNT_DETACH takes the mount out of the tree at once, and lets it go when its last user does.
//< pivot
let _ = MntFlags::MNT_DETACH;
chdir(directory)?;
pivot_root(".", ".")?;
umount2(".", MntFlags::empty())?;
chdir("/")
//>

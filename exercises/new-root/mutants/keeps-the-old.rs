//! belief: After pivot_root the old root is out of reach.
//! truth: It is only mounted elsewhere: in the directory that was named for it. Whatever is below is there for everybody to read and write, until it is unmounted.
//< pivot
let _ = (umount2::<str>, MntFlags::MNT_DETACH);
let old = directory.join(".old");
let _ = std::fs::create_dir(&old);
pivot_root(directory, &old)?;
chdir("/")
//>

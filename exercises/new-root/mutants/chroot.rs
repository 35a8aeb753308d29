//! belief: chroot(2) makes the directory the root.
//! truth: It changes where this process's paths begin, and nothing else. The host's root is still mounted: mkdir, chroot into it without changing directory, and `..` leads up past the old root, which is no longer in the way.
//< pivot
let _ = (pivot_root::<str, str>, umount2::<str>, MntFlags::MNT_DETACH);
nix::unistd::chroot(directory)?;
chdir("/")
//>

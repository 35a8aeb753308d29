//! belief: Private mounts are all it takes.
//! truth: Private says where a mount is passed on to, not where it is made. Without a mount namespace of its own, the process mounts in the host's.
//< mounts
let _ = (unshare, CloneFlags::CLONE_NEWNS);
let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
mount_tmpfs(directory)
//>

//! belief: The order does not matter, as long as all is private before the mount.
//! truth: Before unshare(2) there is only one namespace: the host's. Whoever makes its mounts private changes the host for everybody, and every service that relies on propagation with it.
//< mounts
let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
unshare(CloneFlags::CLONE_NEWNS)?;
mount_tmpfs(directory)
//>

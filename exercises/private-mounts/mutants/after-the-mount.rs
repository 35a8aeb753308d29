//! belief: Propagation can be switched off once everything is mounted.
//! truth: A mount is passed on to the peers at the moment in which it is made. What has leaked stays where it has leaked to; making the tree private afterwards only keeps the host from taking it away again.
//< mounts
unshare(CloneFlags::CLONE_NEWNS)?;
mount_tmpfs(directory)?;
let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
//>

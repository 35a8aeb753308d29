//! belief: A new mount namespace is separate: what I mount in it stays in it.
//! truth: It is a copy whose mounts are peers of the originals. A mount made on a shared mount appears on all its peers, in whatever namespace they are (mount_namespaces(7)); systemd makes every mount shared at boot.
//< mounts
unshare(CloneFlags::CLONE_NEWNS)?;
mount_tmpfs(directory)
//>

//! belief: A slave mount is cut off from the host.
//! truth: Only in one direction: a slave passes nothing on, but it still receives. What the host mounts later appears in the container, a USB stick for example; private is what cuts both.
//< mounts
unshare(CloneFlags::CLONE_NEWNS)?;
let slave = MsFlags::MS_REC | MsFlags::MS_SLAVE;
mount(None::<&str>, "/", None::<&str>, slave, None::<&str>)?;
mount_tmpfs(directory)
//>

//! belief: Remounting read-only protects all that is below.
//! truth: A remount changes one mount. What is mounted below it is a mount of its own, with its own flags, and stays writable; MS_REC does not help, since a remount ignores it. mount_setattr(2) with AT_RECURSIVE takes the tree.
//< read_only
let _ = (AT_FDCWD, Attributes::default);
let none = None::<&str>;
mount(Some(source), target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
let attributes = Attributes {
    set: if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 },
    ..Attributes::default()
};
set_attributes(AT_FDCWD, &c_string(target)?, 0, attributes)
//>

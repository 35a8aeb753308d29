//! belief: What is read-only before it is bound is read-only afterwards.
//! truth: True, and so it is on the host: the attribute was set on the host's own mount, which the host still wants to write to.
//< read_only
let attributes = Attributes {
    set: if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 },
    ..Attributes::default()
};
set_attributes(AT_FDCWD, &c_string(source)?, libc::AT_RECURSIVE, attributes)?;
let none = None::<&str>;
mount(Some(source), target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
//>

//! belief: A bind mount of one mount is simple to protect.
//! truth: It is, but what was mounted below the source is not shown: the container finds an empty directory in its place, and writes its data somewhere else.
//< read_only
let none = None::<&str>;
mount(Some(source), target, none, MsFlags::MS_BIND, none)?;
let attributes = Attributes {
    set: if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 },
    ..Attributes::default()
};
set_attributes(AT_FDCWD, &c_string(target)?, libc::AT_RECURSIVE, attributes)
//>

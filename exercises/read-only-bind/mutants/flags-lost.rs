//! belief: A remount adds the flag that it is given.
//! truth: It sets all of a mount's flags to what is given. The source was mounted nosuid, and now a setuid program in it works in the container; list the old flags again, or set one attribute with mount_setattr(2).
//< read_only
let _ = (AT_FDCWD, c_string, Attributes::default);
let none = None::<&str>;
mount(Some(source), target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
if read_only {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(none, target, none, flags, none)?;
}
Ok(())
//>

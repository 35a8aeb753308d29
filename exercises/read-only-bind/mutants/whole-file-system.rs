//! belief: A remount changes the mount that it names.
//! truth: Without MS_BIND, MS_REMOUNT changes the file system itself, wherever it is mounted: the host cannot write to it any more either.
//< read_only
let _ = (AT_FDCWD, c_string, Attributes::default);
let none = None::<&str>;
mount(Some(source), target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
if read_only {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    mount(none, target, none, flags, none)?;
}
Ok(())
//>

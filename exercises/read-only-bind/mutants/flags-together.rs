//! belief: MS_RDONLY makes the bind mount read-only.
//! truth: With MS_BIND, mount(2) ignores every other flag but MS_REC: the new mount has the flags of the source. They have to be changed afterwards.
//< read_only
let _ = (AT_FDCWD, c_string, Attributes::default);
let none = None::<&str>;
let mut flags = MsFlags::MS_BIND | MsFlags::MS_REC;
if read_only {
    flags |= MsFlags::MS_RDONLY;
}
mount(Some(source), target, none, flags, none)
//>

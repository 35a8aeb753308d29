//! belief: A bind mount shows the directory with all that is in it.
//! truth: It shows one mount. What is mounted below the directory, a volume for example, is left behind unless MS_REC is given.
//< mount
mount(Some(directory), directory, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
//>

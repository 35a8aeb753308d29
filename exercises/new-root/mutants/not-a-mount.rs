//! belief: Any directory can become the root.
//! truth: pivot_root(2) exchanges mounts, and a directory is seldom one: EINVAL. A bind mount of the directory onto itself makes it one.
//< mount
let _ = (mount::<Path, Path, Path, Path>, MsFlags::MS_BIND);
//>

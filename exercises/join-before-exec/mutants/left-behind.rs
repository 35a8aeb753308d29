//! belief: A cgroup that nobody is in does no harm.
//! truth: It is a directory that the kernel accounts for, with every counter of every controller. A thousand failed starts are a thousand of them, and nothing else will ever remove them.
//< make
fs::create_dir(cgroup)?;
for (file, value) in limits {
    fs::write(cgroup.join(file), value)?;
}
//>

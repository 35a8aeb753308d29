//! belief: A process that has a directory in /proc lives.
//! truth: The number is that of its own PID namespace. In a container it is another than here, where nobody has it, or somebody else does; and a number is given again when its process is gone. Only a lock belongs to the process itself.
//< lease
let _lock = self.locked()?;
let name = format!("{}-{number}", std::process::id());
let file = new(&self.leases().join(&name))?;
file.lock()?;
//>
//< collect
let _lock = self.locked()?;
for path in list(&self.root.join("images"))? {
    needed.extend(lines(&path)?);
}
for path in list(&self.leases())? {
    let file = match File::open(&path) {
        // Just given back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
        file => file?,
    };
    let pid = name(&path).split('-').next().unwrap_or_default();
    match Path::new("/proc").join(pid).exists() {
        false => drop(fs::remove_file(&path)),
        true => needed.extend(io::read_to_string(file)?.lines().map(str::to_owned)),
    }
}
//>

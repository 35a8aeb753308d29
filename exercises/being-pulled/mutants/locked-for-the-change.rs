//! belief: A lock is for changes, and reading changes nothing.
//! truth: What is removed follows from what was read. If that has changed meanwhile, an image more, say, its blobs are removed for having been garbage a moment ago.
//< collect
for path in list(&self.root.join("images"))? {
    needed.extend(lines(&path)?);
}
for path in list(&self.leases())? {
    let file = match File::open(&path) {
        // Just given back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
        file => file?,
    };
    match file.try_lock() {
        Ok(()) => drop(fs::remove_file(&path)),
        Err(_) => needed.extend(io::read_to_string(file)?.lines().map(str::to_owned)),
    }
}
let _lock = self.locked()?;
//>

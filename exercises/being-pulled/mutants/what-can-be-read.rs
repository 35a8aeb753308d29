//! belief: One image that cannot be read must not stop the others from being tidied up.
//! truth: It is not known what that one needs, and so all of it is garbage. A disk with one bad sector then costs the whole image; with an error it costs a word to the user.
//< collect
let _lock = self.locked()?;
for path in list(&self.root.join("images"))? {
    needed.extend(lines(&path).unwrap_or_default());
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
//>

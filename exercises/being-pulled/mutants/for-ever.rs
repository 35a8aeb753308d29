//! belief: Who has a lease gives it back.
//! truth: Not who is killed, and not when the power fails. Such a lease stays in the way of every collection to come, and the disk fills up.
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
    needed.extend(io::read_to_string(file)?.lines().map(str::to_owned));
}
//>

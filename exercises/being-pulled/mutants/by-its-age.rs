//! belief: No pull takes longer than an hour.
//! truth: Over a slow line it does. And one that was killed a minute ago keeps its garbage for the rest of the hour. How old a lease is says nothing of whether its holder lives.
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
    let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
    match age.as_secs() < 3600 {
        false => drop(fs::remove_file(&path)),
        true => needed.extend(io::read_to_string(file)?.lines().map(str::to_owned)),
    }
}
//>

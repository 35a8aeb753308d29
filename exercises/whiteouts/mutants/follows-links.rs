//! belief: If it can be listed, it is a directory.
//! truth: A link to a directory can be listed too. A layer that brings a directory where a link was, replaces the link; one who goes through it writes into another directory, or out of the root.
//< apply
let entries = list(layer)?;
for path in &entries {
    let name = name(path);
    if name == ".wh..wh..opq" {
        for old in list(root)? {
            remove(&old)?;
        }
    } else if let Some(gone) = name.strip_prefix(".wh.") {
        remove(&root.join(gone))?;
    }
}
for path in entries.iter().filter(|path| !name(path).starts_with(".wh.")) {
    let place = root.join(name(path));
    if !is_directory(path) {
        copy_file(path, &place)?;
        continue;
    }
    if !place.is_dir() {
        remove(&place)?;
        fs::create_dir(&place)?;
    }
    apply(path, &place)?;
}
Ok(())
//>

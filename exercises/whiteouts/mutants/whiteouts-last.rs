//! belief: A whiteout says that a name is not there, so it has the last word.
//! truth: It speaks of the layers below. A layer that removes a directory and makes a new one of the same name has both, the whiteout and the directory; what it brings must stay.
//< apply
let entries = list(layer)?;
for path in entries.iter().filter(|path| !name(path).starts_with(".wh.")) {
    let place = root.join(name(path));
    if !is_directory(path) {
        copy_file(path, &place)?;
        continue;
    }
    if !is_directory(&place) {
        remove(&place)?;
        fs::create_dir(&place)?;
    }
    apply(path, &place)?;
}
for path in &entries {
    let name = name(path);
    if name == ".wh..wh..opq" {
        for old in list(root)? {
            if !layer.join(self::name(&old)).exists() {
                remove(&old)?;
            }
        }
    } else if let Some(gone) = name.strip_prefix(".wh.") {
        remove(&root.join(gone))?;
    }
}
Ok(())
//>

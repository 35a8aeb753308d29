//! belief: What is gone is a file.
//! truth: A whiteout has a name and no kind. It may stand for a directory with everything in it, and unlink(2) refuses those (EISDIR).
//< apply
let _ = remove;
let entries = list(layer)?;
for path in &entries {
    let name = name(path);
    if name == ".wh..wh..opq" {
        for old in list(root)? {
            remove(&old)?;
        }
    } else if let Some(gone) = name.strip_prefix(".wh.") {
        match fs::remove_file(root.join(gone)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}
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
Ok(())
//>

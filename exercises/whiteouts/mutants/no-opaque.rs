//! belief: .wh..wh..opq is a whiteout of a file called .wh..opq.
//! truth: It is about the directory that it is in: nothing of the layers below is seen in it. With only the first rule a directory that was replaced by a new one shows the old files again.
//< apply
let entries = list(layer)?;
for path in &entries {
    if let Some(gone) = name(path).strip_prefix(".wh.") {
        remove(&root.join(gone))?;
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

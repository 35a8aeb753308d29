//! belief: The entries of a directory can be worked off in their order.
//! truth: An opaque mark hides all that is below, and nothing of its own layer. A name that sorts before the mark, such as `+first`, is put there and then removed again.
//< apply
for path in list(layer)? {
    let name = name(&path);
    let place = root.join(name);
    if name == ".wh..wh..opq" {
        for old in list(root)? {
            remove(&old)?;
        }
    } else if let Some(gone) = name.strip_prefix(".wh.") {
        remove(&root.join(gone))?;
    } else if !is_directory(&path) {
        copy_file(&path, &place)?;
    } else {
        if !is_directory(&place) {
            remove(&place)?;
            fs::create_dir(&place)?;
        }
        apply(&path, &place)?;
    }
}
Ok(())
//>

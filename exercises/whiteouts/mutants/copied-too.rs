//! belief: A whiteout is a file of the layer like any other, and belongs into the root with them.
//! truth: It is a message to whoever applies the layer. In the root it would be a strange empty file, and once that root is packed again, a whiteout that nobody meant.
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
for path in &entries {
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

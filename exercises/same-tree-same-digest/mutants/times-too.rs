//! belief: A file that has not changed has the time that it had.
//! truth: A checkout, a copy or another day gives every file another time. An archive has one for each entry, so whoever wants the same digest has to settle what it is; a description of the tree leaves it out.
//< describe
let mut first: HashMap<(u64, u64), String> = HashMap::new();
for path in all_below(top)? {
    let status = fs::symlink_metadata(&path)?;
    let name = path.strip_prefix(top).unwrap_or(&path).display().to_string();
    let kind = status.file_type();
    let what = if kind.is_symlink() {
        format!("link {:?}", fs::read_link(&path)?)
    } else if kind.is_dir() {
        format!("directory {:o}", status.mode() & 0o7777)
    } else if let Some(other) = first.get(&(status.dev(), status.ino())) {
        format!("same {other:?}")
    } else {
        first.insert((status.dev(), status.ino()), name.clone());
        format!("file {:o} {:?}", status.mode() & 0o7777, fs::read(&path)?)
    };
    let _ = writeln!(text, "{name:?} {what} {}", status.mtime());
}
//>
//< order
let entries = fs::read_dir(top)?;
let mut paths = entries
    .map(|entry| entry.map(|entry| entry.path()))
    .collect::<io::Result<Vec<_>>>()?;
paths.sort();
//>

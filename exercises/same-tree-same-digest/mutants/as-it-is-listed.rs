//! belief: A directory has an order.
//! truth: readdir(3) gives the order of the file system: of hashes on ext4, of age on tmpfs. The same files in another directory come in another one, so sort them.
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
    let _ = writeln!(text, "{name:?} {what}");
}
//>
//< order
let entries = fs::read_dir(top)?;
let paths = entries
    .map(|entry| entry.map(|entry| entry.path()))
    .collect::<io::Result<Vec<_>>>()?;
//>

//! belief: A link is what it leads to.
//! truth: It is a text. What it leads to is another entry, or nothing, or a file of the host; a description that follows it cannot tell a link from a copy.
//< describe
let mut first: HashMap<(u64, u64), String> = HashMap::new();
for path in all_below(top)? {
    let status = fs::metadata(&path).or_else(|_| fs::symlink_metadata(&path))?;
    let name = path.strip_prefix(top).unwrap_or(&path).display().to_string();
    let kind = status.file_type();
    let what = if kind.is_symlink() {
        "dangling".to_owned()
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
let mut paths = entries
    .map(|entry| entry.map(|entry| entry.path()))
    .collect::<io::Result<Vec<_>>>()?;
paths.sort();
//>

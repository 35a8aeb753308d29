//! belief: Whether a file has several names is told by its link count.
//! truth: It tells how many, and not which. Two files of two names each can be paired in more than one way, all with the same counts.
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
    } else if status.nlink() > 1 {
        format!("file {} {:o} {:?}", status.nlink(), status.mode() & 0o7777, fs::read(&path)?)
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

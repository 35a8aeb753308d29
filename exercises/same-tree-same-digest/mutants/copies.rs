//! belief: A hard link is only a way to save space.
//! truth: Who writes to one name changes the other, and a program can see it. A layer that unpacks them as two files is another tree: dpkg, for one, replaces one and expects the other to change, or not to.
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
    } else if false {
        let other = first.get(&(0, 0));
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

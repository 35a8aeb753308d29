//! belief: Permissions are nine bits.
//! truth: There are twelve: setuid, setgid and sticky are the first three. Without them `su` is a program that does not work, and /tmp a place where everybody may remove everything.
//< describe
let mut first: HashMap<(u64, u64), String> = HashMap::new();
for path in all_below(top)? {
    let status = fs::symlink_metadata(&path)?;
    let name = path.strip_prefix(top).unwrap_or(&path).display().to_string();
    let kind = status.file_type();
    let what = if kind.is_symlink() {
        format!("link {:?}", fs::read_link(&path)?)
    } else if kind.is_dir() {
        format!("directory {:o}", status.mode() & 0o777)
    } else if let Some(other) = first.get(&(status.dev(), status.ino())) {
        format!("same {other:?}")
    } else {
        first.insert((status.dev(), status.ino()), name.clone());
        format!("file {:o} {:?}", status.mode() & 0o777, fs::read(&path)?)
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

//! belief: Something is better than nothing.
//! truth: What is for another machine fails at its first instruction, with `exec format error`, after all of it has been fetched. An error that names the platform comes earlier and says what is the matter.
//< choose
let runs = |entry: &&Entry<'_>| {
    let other = entry.platform;
    (other.os, other.architecture) == (platform.os, platform.architecture)
        && level(other) <= level(platform)
};
let mut best: Option<&Entry<'_>> = None;
for entry in entries.iter().filter(runs) {
    if best.is_none_or(|best| level(entry.platform) > level(best.platform)) {
        best = Some(entry);
    }
}
best.or(entries.first()).ok_or(format!("there is nothing for {platform:?}"))
//>

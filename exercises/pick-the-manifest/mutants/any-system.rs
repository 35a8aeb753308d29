//! belief: The architecture is what matters: it is about machine code.
//! truth: The indexes of Go, Python and many others have Windows images for the same processors. A Windows layer unpacks well on Linux, and then nothing in it can be executed.
//< choose
let runs = |entry: &&Entry<'_>| {
    let other = entry.platform;
    other.architecture == platform.architecture
        && level(other) <= level(platform)
};
let mut best: Option<&Entry<'_>> = None;
for entry in entries.iter().filter(runs) {
    if best.is_none_or(|best| level(entry.platform) > level(best.platform)) {
        best = Some(entry);
    }
}
best.ok_or(format!("there is nothing for {platform:?}"))
//>

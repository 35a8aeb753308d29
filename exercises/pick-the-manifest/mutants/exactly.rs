//! belief: The variant must be that of the machine.
//! truth: A processor runs what was made for those before it. Many images have one variant for arm, v6 or v7, and a v8 in 32-bit mode would have none.
//< choose
let runs = |entry: &&Entry<'_>| {
    let other = entry.platform;
    (other.os, other.architecture) == (platform.os, platform.architecture)
        && level(other) == level(platform)
};
let mut best: Option<&Entry<'_>> = None;
for entry in entries.iter().filter(runs) {
    if best.is_none_or(|best| level(entry.platform) > level(best.platform)) {
        best = Some(entry);
    }
}
best.ok_or(format!("there is nothing for {platform:?}"))
//>

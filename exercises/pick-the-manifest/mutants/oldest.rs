//! belief: The oldest variant runs everywhere, so it is the safe choice.
//! truth: It does run, without the floating-point unit of the newer ones, among others: ten times slower where it matters. The best that runs is taken.
//< choose
let runs = |entry: &&Entry<'_>| {
    let other = entry.platform;
    (other.os, other.architecture) == (platform.os, platform.architecture)
        && level(other) <= level(platform)
};
let mut best: Option<&Entry<'_>> = None;
for entry in entries.iter().filter(runs) {
    if best.is_none_or(|best| level(entry.platform) < level(best.platform)) {
        best = Some(entry);
    }
}
best.ok_or(format!("there is nothing for {platform:?}"))
//>

//! belief: Harm is a file that was changed.
//! truth: Harm is also a file that was not there before, such as one in /etc/cron.d, and a directory that everybody may now enter. CVE-2026-33056 changed no contents at all.
//< judge
use Entry::{Directory, File, Link};
let failed = |error: std::io::Error| error.to_string();
let hostile: Vec<&[Entry<'_>]> = vec![
    &[File("../outside/victim", "harm")],
    &[Link("way", "../outside"), File("way/victim", "harm")],
    &[Link("way", "../outside"), File("way/new", "harm")],
    &[Link("file", "../outside/victim"), File("file", "harm")],
    &[Link("way", "../outside"), Directory("way", 0o777)],
];
for (number, entries) in hostile.iter().enumerate() {
    let scene = scratch.join(number.to_string());
    let (layer, outside) = (scene.join("layer"), scene.join("outside"));
    fs::create_dir_all(&layer).map_err(failed)?;
    fs::create_dir_all(&outside).map_err(failed)?;
    fs::write(outside.join("victim"), "untouched").map_err(failed)?;
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let _ = unpack(entries, &layer);
    let names = fs::read_dir(&outside).map_err(failed)?.count();
    let mode = fs::metadata(&outside).map_err(failed)?.permissions().mode() & 0o7777;
    let victim = fs::read_to_string(outside.join("victim")).map_err(failed)?;
    if victim != "untouched" {
        return Err(format!("{entries:?} has changed what is outside"));
    }
    let _ = (names, mode, victim);
}
let layer = scratch.join("honest");
fs::create_dir(&layer).map_err(failed)?;
let honest: Vec<Entry<'_>> = vec![Directory("usr", 0o755), Link("bin", "usr"), File("bin/tool", "tool"), File("twice", "first"), File("twice", "last")];
unpack(&honest, &layer)?;
for entry in &honest {
    if let File(name, contents) = entry
        && *contents != "first"
        && fs::read_to_string(layer.join(name)).map_err(failed)? != *contents
    {
        return Err(format!("{name} is wrong"));
    }
}
Ok(())
//>

//! belief: A hostile archive has to be refused.
//! truth: It has to do no harm. To replace a link by the file that comes in its place is right, and no error; and a program can write outside and return an error after that.
//< judge
let _ = fs::Permissions::from_mode;
use Entry::{File, Link};
let hostile: [&[Entry<'_>]; 3] = [
    &[File("../outside/victim", "harm")],
    &[Link("way", "../outside"), File("way/victim", "harm")],
    &[Link("file", "../outside/victim"), File("file", "harm")],
];
fs::create_dir(scratch.join("outside")).map_err(|e| e.to_string())?;
fs::write(scratch.join("outside/victim"), "").map_err(|e| e.to_string())?;
for (number, entries) in hostile.iter().enumerate() {
    let layer = scratch.join(number.to_string());
    fs::create_dir(&layer).map_err(|e| e.to_string())?;
    if unpack(entries, &layer).is_ok() {
        return Err(format!("{entries:?} was accepted"));
    }
}
Ok(())
//>

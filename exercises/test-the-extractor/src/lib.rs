//! A test for programs that unpack archives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// One entry of an archive.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A file: its name and its contents.
    File(&'a str, &'a str),
    /// A directory: its name and its permissions.
    Directory(&'a str, u32),
    /// A symbolic link: its name and its target.
    Link(&'a str, &'a str),
}

/// Unpacks entries into a directory.
pub type Unpack<'a> = &'a dyn Fn(&[Entry<'_>], &Path) -> Result<(), String>;

/// Says what is wrong with the program behind `unpack`, if anything is.
pub fn judge(unpack: Unpack<'_>, scratch: &Path) -> Result<(), String> {
    //< judge: accept the program that is right, reject those that are not
    use Entry::{Directory, File, Link};
    let failed = |error: std::io::Error| error.to_string();
    let hostile: [&[Entry<'_>]; 5] = [
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
        if (names, mode, victim.as_str()) != (1, 0o700, "untouched") {
            return Err(format!("{entries:?} has changed what is outside"));
        }
    }
    let layer = scratch.join("honest");
    fs::create_dir(&layer).map_err(failed)?;
    let honest = [
        Directory("usr", 0o755),
        Link("bin", "usr"),
        File("bin/tool", "tool"),
        File("twice", "first"),
        File("twice", "last"),
    ];
    unpack(&honest, &layer)?;
    for (name, contents) in [("usr/tool", "tool"), ("twice", "last")] {
        let seen = fs::read_to_string(layer.join(name)).map_err(failed)?;
        if seen != contents {
            return Err(format!("{name} holds {seen:?}"));
        }
    }
    Ok(())
    //= let _ = (unpack, scratch, fs::read_dir::<&Path>, fs::Permissions::from_mode);
    //= todo!("write the test")
    //>
}

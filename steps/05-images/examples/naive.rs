//! The obvious way to pull an image: ask for its manifest, then for each layer, and give what comes to tar.
//!
//! `naive HOST:PORT/NAME DIRECTORY [USER:PASSWORD]`, over plain HTTP. The tests lie to it, and have it tell its password.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;

/// Asks for an address, and for the one that the answer leads to, until there is no other.
fn get(mut address: String, password: &str) -> io::Result<Vec<u8>> {
    loop {
        let (host, path) = address.split_once('/').unwrap_or((&address, ""));
        let mut server = TcpStream::connect(host)?;
        write!(server, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n")?;
        if !password.is_empty() {
            let word = BASE64_STANDARD.encode(password);
            write!(server, "Authorization: Basic {word}\r\n")?;
        }
        write!(server, "\r\n")?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = answer.split_off(end.map_or(answer.len(), |end| end + 4));
        let head = String::from_utf8_lossy(&answer);
        let line = |name| head.lines().find_map(|line| line.strip_prefix(name));
        match line("Location: http://") {
            Some(next) => address = next.to_owned(),
            None => return Ok(body),
        }
    }
}

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let (image, directory) = words
        .next()
        .zip(words.next())
        .expect("naive IMAGE DIRECTORY");
    let password = words.next().unwrap_or_default();
    let (host, name) = image.split_once('/').expect("HOST:PORT/NAME");
    let of = |part: &str| get(format!("{host}/v2/{name}/{part}"), &password);
    let manifest: Value = serde_json::from_slice(&of("manifests/latest")?)?;
    for layer in manifest["layers"].as_array().into_iter().flatten() {
        let digest = layer["digest"].as_str().unwrap_or_default();
        let mut tar = Command::new("tar");
        tar.args(["-xz", "-C", &directory]).stdin(Stdio::piped());
        let mut tar = tar.spawn()?;
        let archive = of(&format!("blobs/{digest}"))?;
        tar.stdin
            .take()
            .expect("it is a pipe")
            .write_all(&archive)?;
        tar.wait()?;
    }
    Ok(())
}

//! A registry to read from: the image of an OCI layout, by the distribution protocol, and a line for each request.
//!
//! `registry PORT LAYOUT`, on the loopback device and over plain HTTP. Every name is that one image. It is for the book,
//! which has to show what a registry sees, and for the attacks, which need one that cannot be trusted:
//!
//! ```text
//! --user NAME:PASSWORD   tell nobody else, and give them a token for it
//! --blobs PORT           send whoever wants a blob to another registry
//! --cut BYTES            break off every blob that is longer
//! ```

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use base64::prelude::{BASE64_STANDARD, Engine};
use clap::Parser;
use serde_json::Value;

#[derive(Clone, Parser)]
struct Registry {
    port: u16,
    layout: PathBuf,
    #[arg(long)]
    user: Option<String>,
    #[arg(long)]
    blobs: Option<u16>,
    #[arg(long, default_value_t = usize::MAX)]
    cut: usize,
}

/// What is asked, as far as it matters here.
struct Request {
    path: String,
    host: String,
    authorization: String,
    /// The first byte that is wanted.
    from: usize,
}

struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

/// Whoever has this is the user.
const TOKEN: &str = "Bearer a-token-for-an-hour";

fn main() -> std::io::Result<()> {
    let registry = Registry::parse();
    let listener = TcpListener::bind(("127.0.0.1", registry.port))?;
    say(&format!("ready on {}", listener.local_addr()?.port()));
    for client in listener.incoming().flatten() {
        let registry = registry.clone();
        // What goes wrong with a connection is seen at its other end.
        std::thread::spawn(move || registry.serve(&client).ok());
    }
    Ok(())
}

impl Registry {
    /// One request for each connection. What is no HTTP, such as the beginning of TLS, is not answered.
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        let Some(request) = read(client)? else {
            return Ok(());
        };
        let mut reply = self.reply(&request);
        let from = request.from.min(reply.body.len());
        if from > 0 {
            let length = reply.body.len();
            reply.status = "206 Partial Content";
            reply.headers += &format!("Content-Range: bytes {from}-{}/{length}\r\n", length - 1);
            reply.body.drain(..from);
        }
        let who = match request.authorization.as_str() {
            "" => String::new(),
            word => format!(", {word}"),
        };
        let at = if from > 0 {
            format!(" from byte {from}")
        } else {
            String::new()
        };
        let path = short(&request.path);
        say(&format!("{} {path}{at}{who}", &reply.status[..3]));
        let Reply {
            status,
            headers,
            body,
        } = reply;
        let mut client = client;
        write!(
            client,
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )?;
        let is_cut = request.path.contains("/blobs/") && body.len() > self.cut;
        client.write_all(&body[..if is_cut { self.cut } else { body.len() }])
    }

    fn reply(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        if words == ["token"] {
            return self.token(request);
        }
        let is_user = request.authorization == TOKEN || self.is_user(request);
        if !is_user && self.user.is_some() {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"lab\"\r\n",
                request.host
            );
            return Reply::new("401 Unauthorized", challenge, Vec::new());
        }
        match (words.as_slice(), self.blobs) {
            (["v2"], _) => Reply::new("200 OK", String::new(), Vec::new()),
            (["v2", .., "blobs", _], Some(port)) => {
                let location = format!("Location: http://127.0.0.1:{port}{path}\r\n");
                Reply::new("307 Temporary Redirect", location, Vec::new())
            }
            (["v2", .., "blobs", digest], None) => self.blob(digest, false),
            (["v2", .., "manifests", version], _) => self.manifest(version),
            _ => Reply::missing(),
        }
    }

    fn is_user(&self, request: &Request) -> bool {
        let word = self.user.as_ref().map(|user| BASE64_STANDARD.encode(user));
        word.is_some_and(|word| request.authorization == format!("Basic {word}"))
    }

    fn token(&self, request: &Request) -> Reply {
        if !self.is_user(request) {
            return Reply::new("401 Unauthorized", String::new(), Vec::new());
        }
        let token = TOKEN.trim_start_matches("Bearer ");
        let body = format!("{{\"token\": \"{token}\", \"expires_in\": 3600}}");
        Reply::new("200 OK", String::new(), body.into_bytes())
    }

    /// By its digest, or, whatever the tag is, the one that the layout begins with.
    fn manifest(&self, version: &str) -> Reply {
        if version.starts_with("sha256:") {
            return self.blob(version, true);
        }
        let index = fs::read(self.layout.join("index.json")).unwrap_or_default();
        let index: Value = serde_json::from_slice(&index).unwrap_or_default();
        match index["manifests"][0]["digest"].as_str() {
            Some(digest) => self.blob(digest, true),
            None => Reply::missing(),
        }
    }

    fn blob(&self, digest: &str, is_manifest: bool) -> Reply {
        let name = digest.replace(':', "/");
        let Ok(body) = fs::read(self.layout.join("blobs").join(name)) else {
            return Reply::missing();
        };
        let mut media_type = "application/octet-stream".to_owned();
        if is_manifest {
            let document: Value = serde_json::from_slice(&body).unwrap_or_default();
            media_type = document["mediaType"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        Reply::new("200 OK", format!("Content-Type: {media_type}\r\n"), body)
    }
}

impl Reply {
    fn new(status: &'static str, headers: String, body: Vec<u8>) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }

    fn missing() -> Self {
        Self::new("404 Not Found", String::new(), Vec::new())
    }
}

fn read(client: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(client.take(1 << 16)).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let Some(path) = first
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next())
    else {
        return Ok(None);
    };
    let mut request = Request {
        path: path.to_owned(),
        host: String::new(),
        authorization: String::new(),
        from: 0,
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "host" => request.host = value.to_owned(),
            "authorization" => request.authorization = value.to_owned(),
            "range" => {
                let from = value.trim_start_matches("bytes=").trim_end_matches('-');
                request.from = from.parse().unwrap_or(0);
            }
            _ => {}
        }
    }
    Ok(Some(request))
}

/// With the first twelve digits of a digest, as people are shown it.
fn short(path: &str) -> &str {
    match path.find("sha256:") {
        Some(at) => path.get(..at + "sha256:".len() + 12).unwrap_or(path),
        None => path,
    }
}

/// A reader who has gone away has seen enough.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

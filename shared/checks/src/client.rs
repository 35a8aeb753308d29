//! The least that a web client can be, for submissions whose lesson is what to ask, and not how to write it down.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a server has answered. The body is yet to come.
pub struct Answer {
    /// `200`.
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// Ends where it should, or in an error: `UnexpectedEof` if the connection is closed before.
    pub body: Box<dyn Read>,
}

/// Asks `address` for `path`, under the name of `host`. Who waits longer than `silence` for a byte gets an error.
///
/// # Errors
/// What the network says, and what is no HTTP.
pub fn get(
    address: SocketAddr,
    host: &str,
    path: &str,
    headers: &[(String, String)],
    silence: Option<Duration>,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(silence)?;
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let mut stream = BufReader::new(stream);
    let status = line(&mut stream)?;
    let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut headers = Vec::new();
    loop {
        let line = line(&mut stream)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        headers,
        body: match length {
            Some(left) => Box::new(Announced { stream, left }),
            None => Box::new(stream),
        },
    })
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// A body that says how long it is.
struct Announced<R> {
    stream: R,
    left: u64,
}

impl<R: Read> Read for Announced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        match self.stream.by_ref().take(self.left).read(buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Reply, Server};

    fn read(reply: Reply, silence: Option<Duration>) -> io::Result<Vec<u8>> {
        let server = Server::new(move |_| reply.clone());
        let mut bytes = Vec::new();
        get(server.address, "host", "/", &[], silence)?
            .body
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn a_body_ends_where_it_should_or_in_an_error() {
        assert_eq!(read(Reply::ok("abc"), None).unwrap(), b"abc");
        assert_eq!(read(Reply::ok("abc").unannounced(), None).unwrap(), b"abc");
        let cut = read(Reply::ok("abc").announcing(4), None).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn silence_ends_in_an_error() {
        let silent = Reply::ok("abc").announcing(4).then_silence();
        let error = read(silent, Some(Duration::from_millis(1))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_server_notes_what_it_is_asked() {
        let server = Server::new(|request| Reply::new(404).header("X-Line", request.line()));
        let headers = [("Range".to_owned(), "bytes=1-".to_owned())];
        let answer = get(server.address, "host", "/a?b", &headers, None).unwrap();
        assert_eq!(answer.status, 404);
        assert!(
            answer
                .headers
                .contains(&("x-line".into(), "GET /a?b".into()))
        );
        assert_eq!(server.log()[0].header("range"), Some("bytes=1-"));
        assert_eq!(server.log()[0].header("host"), Some("host"));
    }
}

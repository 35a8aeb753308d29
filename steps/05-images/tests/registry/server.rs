//! A web server that does what it is told, also what no server should do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `GET /v2/`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    /// Whether the body says how long it is.
    length: Option<usize>,
    end: End,
}

/// What happens after the body.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum End {
    #[default]
    Close,
    Silence,
    MoreAndMore,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} Status\r\n"),
            length: Some(0),
            ..Self::default()
        }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = Some(self.body.len());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Says that the body has another length than it has.
    pub(crate) fn announcing(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// Says nothing of the body's length.
    pub(crate) fn unannounced(mut self) -> Self {
        self.length = None;
        self
    }

    /// Keeps the connection open and says nothing more.
    pub(crate) fn then_silence(mut self) -> Self {
        self.end = End::Silence;
        self
    }

    /// Goes on for as long as anybody listens.
    pub(crate) fn then_more_and_more(mut self) -> Self {
        self.end = End::MoreAndMore;
        self.unannounced()
    }
}

/// What a client that speaks TLS begins with (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server on a port of its own of the loopback device. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    log: Mutex<Vec<Request>>,
    ended: AtomicBool,
}

impl Server {
    pub(crate) fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Box::new(handler))
    }

    pub(crate) fn start(tls: Option<Arc<ServerConfig>>, handler: Box<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            handler,
            tls,
            log: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if of_thread.ended.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                // What goes wrong with a connection is seen at its other end.
                std::thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// All requests that came, in their order.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Their first lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log().iter().map(Request::line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Shared {
    fn serve(&self, tcp: TcpStream) -> io::Result<()> {
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let connection =
                    ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(connection, tcp))
            }
        };
        let mut stream = BufReader::new(stream);
        if stream.fill_buf()?.first() == Some(&TLS_HANDSHAKE) {
            // What web servers answer to whom they take for lost.
            let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
            return stream.get_mut().write_all(head.as_bytes());
        }
        let request = read(&mut stream)?;
        self.log.lock().unwrap().push(request.clone());
        let reply = (self.handler)(&request);
        self.write(&request, reply, stream.get_mut())
    }

    fn write(&self, request: &Request, reply: Reply, stream: &mut dyn Stream) -> io::Result<()> {
        let length = reply.length.map_or_else(String::new, |length| {
            format!("Content-Length: {length}\r\n")
        });
        write!(stream, "{}{length}Connection: close\r\n\r\n", reply.head)?;
        if request.method != "HEAD" {
            stream.write_all(&reply.body)?;
        }
        stream.flush()?;
        while reply.end != End::Close && !self.ended.load(Ordering::Acquire) {
            match reply.end {
                End::MoreAndMore => stream.write_all(&[b'x'; 1 << 16])?,
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Ok(())
    }
}

fn read(stream: &mut impl BufRead) -> io::Result<Request> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let first = line(stream)?;
    let mut words = first.split(' ');
    let (method, path) = words.next().zip(words.next()).ok_or_else(wrong)?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length").unwrap_or("0");
    request.body.resize(length.parse().map_err(|_| wrong())?, 0);
    stream.read_exact(&mut request.body)?;
    Ok(request)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.take(1 << 16).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    match text.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

//! A web server that does what it is told, also what no server should do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
    headers: Vec<(String, String)>,
    /// What was sent along.
    pub body: Vec<u8>,
}

impl Request {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `GET /v2/`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
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
    /// Of this status, with an empty body.
    pub fn new(status: u16) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} Status\r\n"),
            length: Some(0),
            ..Self::default()
        }
    }

    /// `200 OK` with this body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    /// With this body, and its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = Some(self.body.len());
        self
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// In the protocol's first version, in which an answer ends with its connection.
    #[must_use]
    pub fn of_old(mut self) -> Self {
        self.head = self.head.replacen("HTTP/1.1", "HTTP/1.0", 1);
        self.unannounced()
    }

    /// Says that the body has another length than it has.
    #[must_use]
    pub fn announcing(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// Says nothing of the body's length.
    #[must_use]
    pub fn unannounced(mut self) -> Self {
        self.length = None;
        self
    }

    /// Keeps the connection open and says nothing more.
    #[must_use]
    pub fn then_silence(mut self) -> Self {
        self.end = End::Silence;
        self
    }

    /// Goes on for as long as anybody listens.
    #[must_use]
    pub fn then_more_and_more(mut self) -> Self {
        self.end = End::MoreAndMore;
        self.unannounced()
    }
}

/// What a client that speaks TLS begins with (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What bytes go through, TLS or not.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// What answers.
pub type Handler = dyn Fn(&Request) -> Reply + Send + Sync;
/// What stands between a connection and what is said on it.
pub type Wrap = dyn Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync;

/// A server on a port of its own of the loopback device. It ends when it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Box<Handler>,
    wrap: Box<Wrap>,
    log: Mutex<Vec<Request>>,
    ended: AtomicBool,
}

impl Server {
    /// In the clear.
    ///
    /// # Panics
    /// No port is free.
    pub fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Box::new(|tcp| Ok(Box::new(tcp))), Box::new(handler))
    }

    /// With something between the connection and what is said on it.
    ///
    /// # Panics
    /// No port is free.
    pub fn start(wrap: Box<Wrap>, handler: Box<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            handler,
            wrap,
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
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// All requests that came, in their order.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log().clone()
    }

    /// Their first lines.
    pub fn lines(&self) -> Vec<String> {
        self.log().iter().map(Request::line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Vec<Request>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, tcp: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new((self.wrap)(tcp)?);
        if stream.fill_buf()?.first() == Some(&TLS_HANDSHAKE) {
            // What web servers answer to whom they take for lost.
            let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
            return stream.get_mut().write_all(head.as_bytes());
        }
        let request = read(&mut stream)?;
        self.log().push(request.clone());
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

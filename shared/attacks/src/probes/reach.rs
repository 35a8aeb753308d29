//! Attacks on what the kernel keeps once for each namespace: name, queues, sockets, packets.

use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use nix::mqueue::{MQ_OFlag, MqAttr, mq_open, mq_receive, mq_send};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::sys::stat::Mode;
use nix::unistd::{gethostname, read, sethostname};

use crate::answer::stopped;
use crate::bait::{Bait, Ground};
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "rename-host",
        what: "rename the host",
        stopped_by: "namespaces",
        means: "a UTS namespace",
        cves: &[],
        attempt: rename,
        bait: |_| {
            Ok(Bait::seen_by(|| {
                let name = gethostname().ok()?;
                (name == NAME).then(|| format!("the host is called {NAME}"))
            }))
        },
    },
    Probe {
        slug: "message-queue",
        what: "read the host's message queues",
        stopped_by: "namespaces",
        means: "an IPC namespace",
        cves: &[],
        attempt: receive,
        bait: send,
    },
    Probe {
        slug: "abstract-socket",
        what: "connect to a service of the host that has no file",
        stopped_by: "namespaces",
        means: "a network namespace, to which abstract socket names belong",
        cves: &["CVE-2020-15257"],
        attempt: connect,
        bait: listen,
    },
    Probe {
        slug: "raw-socket",
        what: "read the packets of the host with a raw socket",
        stopped_by: "namespaces",
        means: "a network namespace",
        cves: &[],
        attempt: sniff,
        bait: talk,
    },
];

const NAME: &str = "attacked";
const QUEUE: &str = "/attack";
/// The longest message, in bytes: whoever receives must have room for it (EMSGSIZE).
const MESSAGE: usize = 128;

fn rename(_: &[String]) -> Attempt {
    sethostname(NAME).map_err(stopped("sethostname"))?;
    Ok("its own name alone has changed".into())
}

fn send(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_WRONLY | MQ_OFlag::O_CLOEXEC;
    let size = MqAttr::new(0, 1, MESSAGE as _, 0);
    let queue = mq_open(QUEUE, flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&size))?;
    mq_send(&queue, ground.token.as_bytes(), 0)?;
    Ok(Bait::token().keeping(queue))
}

fn receive(_: &[String]) -> Attempt {
    let flags = MQ_OFlag::O_RDONLY | MQ_OFlag::O_NONBLOCK | MQ_OFlag::O_CLOEXEC;
    let queue = mq_open(QUEUE, flags, Mode::empty(), None).map_err(stopped("open the queue"))?;
    let mut message = [0; MESSAGE];
    let length =
        mq_receive(&queue, &mut message, &mut 0).map_err(stopped("receive from the queue"))?;
    let message = String::from_utf8_lossy(&message[..length]);
    Ok(format!("a message says {message}"))
}

/// As containerd's shim did.
fn listen(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name("attack")?)?;
    let token = ground.token.to_owned();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.write_all(token.as_bytes());
        }
    });
    Ok(Bait::token())
}

fn connect(_: &[String]) -> Attempt {
    let failed = "connect to it";
    let address = SocketAddr::from_abstract_name("attack").map_err(stopped(failed))?;
    let mut server = UnixStream::connect_addr(&address).map_err(stopped(failed))?;
    let mut text = String::new();
    server.read_to_string(&mut text).map_err(stopped("read"))?;
    Ok(format!("the service says {text}"))
}

/// Somebody on the host talks to somebody else there, all the time.
fn talk(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let (here, there) = (
        UdpSocket::bind("127.0.0.1:0")?,
        UdpSocket::bind("127.0.0.1:0")?,
    );
    let (address, token) = (there.local_addr()?, ground.token.to_owned());
    std::thread::spawn(move || {
        loop {
            // A full buffer of the other side loses packets, which does no harm.
            let _ = here.send_to(token.as_bytes(), address);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    Ok(Bait::token().keeping(there))
}

/// A packet comes every few milliseconds, if there is any.
fn sniff(_: &[String]) -> Attempt {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Udp)
        .map_err(stopped("open a raw socket"))?;
    let deadline = Instant::now() + Duration::from_secs(3);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut set = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut set, timeout) {
            Ok(1..) => break,
            Ok(_) => return Err(Refusal::Stopped("a raw socket hears nothing".into())),
            Err(errno) if std::io::Error::from(errno).kind() == ErrorKind::Interrupted => {}
            Err(errno) => return Err(stopped("wait for packets")(errno)),
        }
    }
    let mut packet = [0; 2048];
    let length = read(&socket, &mut packet).map_err(stopped("read a packet"))?;
    // Behind the headers of IPv4, without options, and of UDP.
    let payload = String::from_utf8_lossy(packet[..length].get(28..).unwrap_or_default());
    Ok(format!("a packet says {payload}"))
}

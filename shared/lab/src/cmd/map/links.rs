//! Network links, by netlink (rtnetlink(7)), asked from inside each network namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::sched::{CloneFlags, setns};

use super::model::{Link, Network, Peer, Process};
use super::process::Proc;

/// The links of every network namespace that one of the processes is in.
pub(super) fn take(processes: &[Process], unseen: &mut Vec<String>) -> Vec<Network> {
    let mut members = BTreeMap::new();
    for process in processes {
        if let Some(id) = process.namespaces.get("net") {
            members.entry(*id).or_insert(process.pid);
        }
    }
    let mut networks = Vec::new();
    for (id, pid) in &members {
        match links_of(*pid, *id, &members) {
            Ok(links) => networks.push(Network {
                namespace: *id,
                links,
            }),
            Err(error) => unseen.push(format!("the links of net:[{id}]: {error}")),
        }
    }
    name_peers(&mut networks);
    networks
}

/// A veth knows its peer's number, and its namespace, but not its name.
fn name_peers(networks: &mut [Network]) {
    let names: BTreeMap<_, _> = networks
        .iter()
        .flat_map(|network| {
            network
                .links
                .iter()
                .map(|link| ((network.namespace, link.index), link.name.clone()))
        })
        .collect();
    for network in networks {
        for peer in network
            .links
            .iter_mut()
            .filter_map(|link| link.peer.as_mut())
        {
            peer.name = peer
                .namespace
                .and_then(|id| names.get(&(id, peer.index)).cloned());
        }
    }
}

/// A socket belongs to the namespace that its maker is in, and setns(2) moves one thread: so a thread goes there.
fn links_of(pid: i32, id: u64, members: &BTreeMap<u64, i32>) -> io::Result<Vec<Link>> {
    let is_ours = Proc(std::process::id() as i32).namespace("net") == Some(id);
    let ask = || -> io::Result<Vec<Link>> {
        if !is_ours {
            let file = File::open(Proc(pid).path("ns/net"))?;
            setns(file, CloneFlags::CLONE_NEWNET)?;
        }
        Netlink::open()?.links(id, members)
    };
    std::thread::scope(|scope| match scope.spawn(ask).join() {
        Ok(result) => result,
        Err(_) => Err(io::Error::other("the asking thread has panicked")),
    })
}

struct Netlink(Socket);

impl Netlink {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    fn links(&self, own: u64, members: &BTreeMap<u64, i32>) -> io::Result<Vec<Link>> {
        let mut links = Vec::new();
        let mut bridges = BTreeMap::new();
        for message in self.ask(
            RouteNetlinkMessage::GetLink(LinkMessage::default()),
            NLM_F_DUMP,
        )? {
            if let RouteNetlinkMessage::NewLink(message) = message {
                let (link, bridge, other) = link(&message);
                let mut link = link;
                if let Some((index, nsid)) = other.filter(|_| link.kind == "veth") {
                    let namespace = match nsid {
                        None => Some(own),
                        Some(nsid) => self.namespace(nsid, members)?,
                    };
                    link.peer = Some(Peer {
                        index,
                        name: None,
                        namespace,
                    });
                }
                bridges.extend(bridge.map(|bridge| (link.index, bridge)));
                links.push(link);
            }
        }
        let names: BTreeMap<u32, String> = links
            .iter()
            .map(|link| (link.index, link.name.clone()))
            .collect();
        for link in &mut links {
            link.bridge = bridges
                .get(&link.index)
                .and_then(|index| names.get(index).cloned());
        }
        self.add_addresses(&mut links)?;
        Ok(links)
    }

    fn add_addresses(&self, links: &mut [Link]) -> io::Result<()> {
        for message in self.ask(
            RouteNetlinkMessage::GetAddress(AddressMessage::default()),
            NLM_F_DUMP,
        )? {
            let RouteNetlinkMessage::NewAddress(message) = message else {
                continue;
            };
            let address = message
                .attributes
                .iter()
                .find_map(|attribute| match attribute {
                    AddressAttribute::Address(address) => Some(address),
                    _ => None,
                });
            let link = links
                .iter_mut()
                .find(|link| link.index == message.header.index);
            if let (Some(address), Some(link)) = (address, link) {
                link.addresses
                    .push(format!("{address}/{}", message.header.prefix_len));
            }
        }
        Ok(())
    }

    /// Which of the namespaces that we know has this number here. Numbers are local: each namespace numbers the others
    /// as it meets them (ip-netns(8)).
    fn namespace(&self, nsid: i32, members: &BTreeMap<u64, i32>) -> io::Result<Option<u64>> {
        for (id, pid) in members {
            let Ok(file) = File::open(Proc(*pid).path("ns/net")) else {
                continue;
            };
            let mut question = NsidMessage::default();
            question
                .attributes
                .push(NsidAttribute::Fd(file.as_raw_fd() as u32));
            let answers = self.ask(RouteNetlinkMessage::GetNsId(question), 0)?;
            let is_it = answers.iter().any(|answer| match answer {
                RouteNetlinkMessage::NewNsId(message) => {
                    message.attributes.contains(&NsidAttribute::Id(nsid))
                }
                _ => false,
            });
            if is_it {
                return Ok(Some(*id));
            }
        }
        Ok(None)
    }

    /// Sends a question and takes all parts of the answer.
    fn ask(
        &self,
        question: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut packet =
            NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(question));
        packet.header.flags = NLM_F_REQUEST | flags;
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.0.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (received, _) = self.0.recv_from_full()?;
            let mut rest = received.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(io::Error::other)?;
                // Each part begins at a multiple of four (NLMSG_ALIGN).
                let length = (message.header.length as usize)
                    .next_multiple_of(4)
                    .clamp(16, rest.len().max(16));
                rest = rest.get(length..).unwrap_or_default();
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    _ => {}
                }
            }
            if flags & NLM_F_DUMP == 0 {
                return Ok(answers);
            }
        }
    }
}

/// A link without addresses; the number of its bridge; the number of its other end, and of that one's namespace.
type Parts = (Link, Option<u32>, Option<(u32, Option<i32>)>);

fn link(message: &LinkMessage) -> Parts {
    let mut link = Link {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        ..Link::default()
    };
    if message.header.flags.contains(LinkFlags::Loopback) {
        link.kind = "loopback".to_owned();
    }
    let (mut bridge, mut other, mut nsid) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Controller(index) => bridge = Some(*index),
            LinkAttribute::Link(index) => other = Some(*index),
            LinkAttribute::LinkNetNsId(id) => nsid = Some(*id),
            LinkAttribute::LinkInfo(infos) => {
                let kind = infos.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind),
                    _ => None,
                });
                link.kind = kind.map_or(link.kind, InfoKind::to_string);
            }
            _ => {}
        }
    }
    (link, bridge, other.map(|index| (index, nsid)))
}

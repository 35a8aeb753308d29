//! The map as lines of trees: what the text, the picture and the difference have in common.

use super::model::{Cgroup, Link, Map, Namespace};
use super::take::{is_first, tree};

/// One tree with its title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub title: String,
    pub lines: Vec<Line>,
}

/// One line of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// How deep it stands; a line's parent is the nearest one above it that is less deep.
    pub depth: usize,
    /// What it is about, the same in two maps if the thing is the same.
    pub key: String,
    /// What is shown.
    pub text: String,
    /// What of the text makes a difference, if not all of it: how many processes the whole system has does not.
    pub compared: Option<String>,
    /// Whether it is new, gone, or different, in a difference.
    pub mark: Mark,
}

/// What a difference says of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    #[default]
    Same,
    Added,
    Removed,
    Changed,
}

impl Line {
    fn new(depth: usize, key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            depth,
            key: key.into(),
            text: text.into(),
            compared: None,
            mark: Mark::Same,
        }
    }
}

/// All trees of a map.
pub(super) fn blocks(map: &Map) -> Vec<Block> {
    let mut blocks = vec![namespaces(map)];
    for space in &map.mounts {
        let title = match space.namespace {
            Some(id) => format!("Mounts of mnt:[{id}]{}", first("mnt", id)),
            None => format!("Mounts of process {}", space.seen_by),
        };
        let lines = tree(&space.mounts).into_iter().map(|(depth, mount)| {
            let part = if mount.is_whole() {
                String::new()
            } else {
                format!("[{}]", mount.root)
            };
            let text = format!(
                "{}  {} {}{part}  {}  {}",
                mount.point.display(),
                mount.kind,
                mount.source,
                mount.options.join(","),
                mount.propagation.join(" ")
            );
            Line::new(
                depth,
                format!("{} {}", mount.point.display(), mount.kind),
                text,
            )
        });
        blocks.push(Block {
            title,
            lines: lines.collect(),
        });
    }
    blocks.push(cgroups(map));
    for network in &map.networks {
        blocks.push(Block {
            title: format!(
                "Links of net:[{}]{}",
                network.namespace,
                first("net", network.namespace)
            ),
            lines: network
                .links
                .iter()
                .flat_map(|link| link_lines(link, network.namespace))
                .collect(),
        });
    }
    blocks
}

fn first(kind: &str, id: u64) -> &'static str {
    if is_first(kind, id) {
        " (the first)"
    } else {
        ""
    }
}

/// User and PID namespaces nest; what belongs to a user namespace stands below it, and processes stand in those that
/// are not the first.
fn namespaces(map: &Map) -> Block {
    let users: Vec<_> = map
        .namespaces
        .iter()
        .filter(|namespace| namespace.kind == "user")
        .collect();
    let is_inside =
        |namespace: &Namespace| users.iter().any(|user| Some(user.id) == namespace.parent);
    let mut lines = Vec::new();
    for user in users.iter().filter(|user| !is_inside(user)) {
        add_user(map, user, 0, &mut lines);
    }
    let known: Vec<_> = users.iter().map(|user| user.id).collect();
    let stray = |namespace: &&Namespace| {
        namespace.kind != "user" && namespace.owner.is_none_or(|owner| !known.contains(&owner))
    };
    let strays = map.namespaces.iter().filter(stray);
    lines.extend(strays.map(|namespace| namespace_line(map, namespace, 0)));
    Block {
        title: "Namespaces".to_owned(),
        lines,
    }
}

fn add_user(map: &Map, user: &Namespace, depth: usize, lines: &mut Vec<Line>) {
    lines.push(namespace_line(map, user, depth));
    let owned = map
        .namespaces
        .iter()
        .filter(|namespace| namespace.kind != "user" && namespace.owner == Some(user.id));
    lines.extend(owned.map(|namespace| namespace_line(map, namespace, depth + 1)));
    for inner in map
        .namespaces
        .iter()
        .filter(|inner| inner.kind == "user" && inner.parent == Some(user.id))
    {
        add_user(map, inner, depth + 1, lines);
    }
}

/// How many processes are named.
const NAMED: usize = 4;

fn namespace_line(map: &Map, namespace: &Namespace, depth: usize) -> Line {
    let name = format!("{}:[{}]", namespace.kind, namespace.id);
    let around = match (namespace.kind.as_str(), namespace.parent) {
        ("pid", Some(parent)) => format!("  in pid:[{parent}]"),
        _ => String::new(),
    };
    let is_first = is_first(&namespace.kind, namespace.id);
    let members: Vec<_> = namespace
        .processes
        .iter()
        .take(NAMED)
        .map(|pid| member(map, *pid))
        .collect();
    let count = namespace.processes.len();
    let who = match count {
        _ if is_first => format!("{count} processes"),
        0..=NAMED => members.join(", "),
        _ => format!("{} … {count} processes", members.join(", ")),
    };
    let text = format!(
        "{name}{}{around}  {who}",
        first(&namespace.kind, namespace.id)
    );
    Line {
        compared: is_first.then(|| name.clone()),
        ..Line::new(depth, name, text)
    }
}

/// `712 sleep`, and its pid inside if it has another there.
fn member(map: &Map, pid: i32) -> String {
    let name = map.name(pid).unwrap_or("?");
    let inside = map
        .processes
        .iter()
        .find(|process| process.pid == pid)
        .and_then(|process| match process.pids[..] {
            [_, .., inner] => Some(inner),
            _ => None,
        });
    match inside {
        Some(inner) => format!("{pid} {name} (pid {inner} inside)"),
        None => format!("{pid} {name}"),
    }
}

fn cgroups(map: &Map) -> Block {
    let mut lines = Vec::new();
    let mut hierarchy = "";
    for group in &map.cgroups {
        if group.hierarchy != hierarchy {
            hierarchy = &group.hierarchy;
            lines.push(Line::new(0, hierarchy, hierarchy));
        }
        let (limits, who) = cgroup_text(map, group);
        let is_whole = group.processes.len() > NAMED;
        let own = format!("{}{limits}", group.path);
        lines.push(Line {
            compared: is_whole.then(|| own.clone()),
            ..Line::new(
                1,
                format!("{hierarchy} {}", group.path),
                format!("{own}  {who}"),
            )
        });
    }
    Block {
        title: "Cgroups".to_owned(),
        lines,
    }
}

/// Its limits, and the processes in it.
fn cgroup_text(map: &Map, group: &Cgroup) -> (String, String) {
    let limits: String = group
        .limits
        .iter()
        .map(|(file, value)| format!("  {file} {value}"))
        .collect();
    let members: Vec<_> = group
        .processes
        .iter()
        .take(NAMED)
        .map(|pid| format!("{pid} {}", map.name(*pid).unwrap_or("?")))
        .collect();
    let who = match group.processes.len() {
        0..=NAMED => members.join(", "),
        count => format!("{count} processes"),
    };
    (limits, who)
}

fn link_lines(link: &Link, own: u64) -> Vec<Line> {
    let kind = if link.kind.is_empty() {
        String::new()
    } else {
        format!(" ({})", link.kind)
    };
    let bridge = link
        .bridge
        .as_ref()
        .map(|bridge| format!("  port of {bridge}"))
        .unwrap_or_default();
    let peer = link.peer.as_ref().map(|peer| {
        let name = peer
            .name
            .clone()
            .unwrap_or_else(|| format!("link {}", peer.index));
        match peer.namespace {
            Some(id) if id == own => format!("  peer {name}"),
            Some(id) => format!("  peer {name} in net:[{id}]"),
            None => format!("  peer {name} in a namespace that cannot be seen"),
        }
    });
    let state = if link.up { "up" } else { "down" };
    let text = format!(
        "{}: {}{kind}  {state}{bridge}{}",
        link.index,
        link.name,
        peer.unwrap_or_default()
    );
    let mut lines = vec![Line::new(0, link.name.clone(), text)];
    lines.extend(
        link.addresses
            .iter()
            .map(|address| Line::new(1, format!("{} {address}", link.name), address)),
    );
    lines
}

/// Which line is the parent of each: the nearest one above it that is less deep.
pub(super) fn parents(lines: &[Line]) -> Vec<Option<usize>> {
    let parent = |at: usize| {
        (0..at)
            .rev()
            .find(|above| lines[*above].depth < lines[at].depth)
    };
    (0..lines.len()).map(parent).collect()
}

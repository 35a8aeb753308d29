//! New archives from old ones. Most keep their checksums right: what is refused at the first block teaches nothing.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// SplitMix64: the same numbers for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

const BLOCK: usize = 512;

/// Names that mean something to somebody.
const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"a/b",
    b"a/b/c",
    b"./",
    b".",
    b"..",
    b"/",
    b"a/",
    b"../outside/victim",
    b"../outside",
    b"a/../../outside/victim",
    b"/etc/drydock-fuzz",
    b"../outside/directory",
    b"link",
    b"link/victim",
    b"link/new",
    b".wh.a",
    b".wh..wh..opq",
    b"a/.wh.b",
    b"a/.wh..wh..opq",
    b".wh.",
    b".wh..",
    b".wh...",
    b".wh.a/b",
    b"\xff\xfe",
    b"a//b",
    b"a\0b",
    b"link/.wh.victim",
    b"link/.wh..wh..opq",
    b"dir",
    b"dir/file",
];

/// Keys of PAX records.
const KEYS: &[&[u8]] = &[
    b"path",
    b"linkpath",
    b"size",
    b"uid",
    b"gid",
    b"mtime",
    b"atime",
    b"SCHILY.xattr.user.a",
    b"SCHILY.xattr.security.capability",
    b"SCHILY.xattr.trusted.overlay.opaque",
    b"SCHILY.xattr.user.overlay.redirect",
    b"SCHILY.xattr.system.posix_acl_access",
    b"GNU.sparse.major",
    b"GNU.sparse.minor",
    b"GNU.sparse.name",
    b"GNU.sparse.realsize",
    b"GNU.sparse.size",
    b"GNU.sparse.map",
    b"GNU.sparse.offset",
    b"GNU.sparse.numbytes",
    b"GNU.sparse.numblocks",
    b"comment",
    b"hdrcharset",
];

/// Values of PAX records, and of number fields.
const VALUES: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"512",
    b"1000",
    b"1048577",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1.5",
    b"-1.25",
    b"-0.5",
    b"",
    b"0,1",
    b"0,1,5,1",
    b"5,1,0,1",
    b"y",
    b"\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
];

/// Field of a header: where it begins and ends.
const FIELDS: &[(usize, usize)] = &[
    (0, 100),
    (100, 108),
    (108, 116),
    (116, 124),
    (124, 136),
    (136, 148),
    (157, 257),
    (257, 265),
    (329, 337),
    (337, 345),
    (345, 500),
    (386, 398),
    (398, 410),
    (482, 483),
    (483, 495),
];

/// A new archive.
pub(crate) fn mutate(random: &mut Random, archives: &[Vec<u8>], outside: PathBuf) -> Vec<u8> {
    let mut archive = archives[random.below(archives.len())].clone();
    for _ in 0..=random.below(5) {
        one(
            random,
            &mut archive,
            archives,
            outside.as_os_str().as_bytes(),
        );
    }
    archive.truncate(1 << 18);
    if random.below(8) != 0 {
        mend_checksums(&mut archive);
    }
    archive
}

fn one(random: &mut Random, archive: &mut Vec<u8>, archives: &[Vec<u8>], outside: &[u8]) {
    let blocks = archive.len() / BLOCK;
    let at = random.below(blocks + 1) * BLOCK;
    match random.below(9) {
        0 if !archive.is_empty() => {
            let at = random.below(archive.len());
            archive[at] = random.next() as u8;
        }
        1 => archive.truncate(random.below(archive.len() + 1)),
        2 => {
            let other = &archives[random.below(archives.len())];
            let from = random.below(other.len() / BLOCK + 1) * BLOCK;
            let piece =
                other[from..(from + BLOCK * (1 + random.below(6))).min(other.len())].to_vec();
            archive.splice(at..at, piece);
        }
        3 => {
            let end = (at + BLOCK * (1 + random.below(4))).min(archive.len());
            archive.drain(at.min(end)..end);
        }
        4 => drop(archive.splice(at..at, entry(random, outside))),
        5 => drop(archive.splice(at..at, extension(random, outside))),
        _ => change_field(random, archive, outside),
    }
}

fn change_field(random: &mut Random, archive: &mut [u8], outside: &[u8]) {
    let headers: Vec<usize> = (0..archive.len() / BLOCK)
        .map(|index| index * BLOCK)
        .filter(|at| &archive[at + 257..at + 262] == b"ustar")
        .collect();
    if headers.is_empty() {
        return;
    }
    let at = headers[random.below(headers.len())];
    if random.below(3) == 0 {
        archive[at + 156] = random
            .pick(&[
                &b'0', &b'1', &b'2', &b'3', &b'4', &b'5', &b'6', &b'7', &b'S', &b'L', &b'K', &b'x',
                &b'g', &0,
            ])
            .to_owned();
        return;
    }
    let (start, end) = FIELDS[random.below(FIELDS.len())];
    let text = match (start, random.below(4)) {
        (0 | 157 | 345, _) => name(random, outside),
        (_, 0) => vec![
            0x80 | random.next() as u8,
            random.next() as u8,
            random.next() as u8,
        ],
        (_, 1) => random.next().to_be_bytes().to_vec(),
        _ => format!("{:o}\0", number(random)).into_bytes(),
    };
    let field = &mut archive[at + start..at + end];
    field.fill(0);
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

fn number(random: &mut Random) -> u64 {
    let text = random.pick(VALUES);
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| random.next() % 2000)
}

fn name(random: &mut Random, outside: &[u8]) -> Vec<u8> {
    match random.below(12) {
        0 => [outside, b"/victim"].concat(),
        1 => vec![b'n'; random.below(300)],
        _ => random.pick(NAMES).to_vec(),
    }
}

/// A whole entry of ustar, with a block of contents if it may have some.
fn entry(random: &mut Random, outside: &[u8]) -> Vec<u8> {
    let kind = *random.pick(&[&b'0', &b'1', &b'2', &b'3', &b'4', &b'5', &b'6']);
    let size = if kind == b'0' { random.below(BLOCK) } else { 0 };
    let mut block = header(&name(random, outside), kind, size);
    let target = name(random, outside);
    put(&mut block, 157, 100, &target);
    if random.below(2) == 0 {
        put(&mut block, 329, 8, b"0000001\0");
        put(&mut block, 337, 8, b"0000003\0");
    }
    put(
        &mut block,
        100,
        8,
        format!("{:07o}\0", random.below(0o10000)).as_bytes(),
    );
    block.resize(BLOCK * if size > 0 { 2 } else { 1 }, b'c');
    block
}

/// A PAX header or a GNU long name, for whatever comes after it.
fn extension(random: &mut Random, outside: &[u8]) -> Vec<u8> {
    let kind = *random.pick(&[&b'x', &b'x', &b'x', &b'g', &b'L', &b'K']);
    let mut body = Vec::new();
    if matches!(kind, b'L' | b'K') {
        body = [name(random, outside), vec![0]].concat();
    } else {
        for _ in 0..=random.below(4) {
            let key = random.pick(KEYS);
            let value = match key {
                b"path" | b"linkpath" | b"GNU.sparse.name" => name(random, outside),
                _ => random.pick(VALUES).to_vec(),
            };
            record(random, &mut body, key, &value);
        }
    }
    let mut block = header(b"PaxHeaders.0/x", kind, body.len());
    body.resize(body.len().next_multiple_of(BLOCK), 0);
    block.extend(body);
    block
}

fn record(random: &mut Random, body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    if random.below(20) == 0 {
        length += random.below(3);
    }
    body.extend_from_slice(format!("{length} ").as_bytes());
    body.extend_from_slice(&[key, b"=", value, b"\n"].concat());
}

fn header(name: &[u8], kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    put(&mut block, 0, 100, name);
    put(&mut block, 100, 8, b"0000755\0");
    put(&mut block, 124, 12, format!("{size:011o}\0").as_bytes());
    put(&mut block, 257, 8, b"ustar\x0000");
    block[156] = kind;
    block
}

fn put(block: &mut [u8], at: usize, room: usize, bytes: &[u8]) {
    let length = bytes.len().min(room);
    block[at..at + length].copy_from_slice(&bytes[..length]);
}

fn mend_checksums(archive: &mut [u8]) {
    for block in archive.chunks_exact_mut(BLOCK) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

//! Files with holes: the four ways in which GNU tar says where the data is (tar(5); GNU tar manual, "Storing Sparse
//! Files").

use kit::{Error, Result};

use super::header::{BLOCK, Header};
use super::pax;

/// A piece of a file that has data; what lies between pieces is a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// From the file's beginning, in bytes.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
}

/// A sparse file's map: its size with holes, and its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) size: u64,
    pub(super) extents: Vec<Extent>,
}

/// More pieces than this are an attack: each takes memory before a byte of data is seen.
const MAX_EXTENTS: usize = 1 << 20;

impl Map {
    /// Checks that the pieces are in order, within the file, and as long together as what is stored.
    pub(super) fn check(self, stored: u64) -> Result<Self> {
        let mut end = 0;
        let mut sum = 0_u64;
        for extent in &self.extents {
            let next = extent.offset.checked_add(extent.length);
            match next {
                Some(next) if extent.offset >= end && next <= self.size => end = next,
                _ => return Err(damaged()),
            }
            sum += extent.length;
        }
        if sum == stored {
            Ok(self)
        } else {
            Err(damaged())
        }
    }

    pub(super) fn push(&mut self, offset: u64, length: u64) -> Result<()> {
        if self.extents.len() >= MAX_EXTENTS {
            return Err(Error::new(format!(
                "a sparse file of more than {MAX_EXTENTS} pieces is not accepted"
            )));
        }
        self.extents.push(Extent { offset, length });
        Ok(())
    }
}

/// GNU's old format: four pieces in the header, 21 in each block that follows. `next_block` reads those.
pub(super) fn old_gnu(
    header: &Header,
    mut next_block: impl FnMut() -> Result<[u8; BLOCK]>,
) -> Result<Map> {
    let mut map = Map {
        size: header.number(483..495, "size of the sparse file")?,
        extents: Vec::new(),
    };
    pieces(&mut map, &header.0, 386, 4)?;
    let mut is_extended = header.0[482] != 0;
    while is_extended {
        let block = next_block()?;
        pieces(&mut map, &block, 0, 21)?;
        is_extended = block[504] != 0;
    }
    Ok(map)
}

fn pieces(map: &mut Map, block: &[u8; BLOCK], start: usize, count: usize) -> Result<()> {
    let fields = Header(*block);
    for at in (0..count).map(|index| start + index * 24) {
        if block[at] == 0 {
            return Ok(());
        }
        let offset = fields.number(at..at + 12, "offset of a sparse file's piece")?;
        let length = fields.number(at + 12..at + 24, "length of a sparse file's piece")?;
        map.push(offset, length)?;
    }
    Ok(())
}

/// PAX 0.1: all numbers in one record, between commas.
pub(super) fn pax_0_1(map: &mut Map, value: &[u8]) -> Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    let mut numbers = value.split(|byte| *byte == b',').map(pax::number);
    while let Some(offset) = numbers.next() {
        let length = numbers.next().ok_or_else(damaged)?;
        map.push(offset?, length?)?;
    }
    Ok(())
}

/// PAX 1.0: the numbers stand before the data, a line each, padded to whole blocks. Returns how many bytes they took.
pub(super) fn pax_1_0(
    map: &mut Map,
    mut next_block: impl FnMut() -> Result<[u8; BLOCK]>,
) -> Result<u64> {
    let mut taken = 0;
    let mut block = [0; BLOCK];
    let mut at = BLOCK;
    let mut number = || -> Result<u64> {
        let mut digits = Vec::new();
        loop {
            if at == BLOCK {
                block = next_block()?;
                taken += BLOCK as u64;
                at = 0;
            }
            let byte = block[at];
            at += 1;
            match byte {
                b'\n' => return pax::number(&digits),
                _ if digits.len() > 20 => return Err(damaged()),
                _ => digits.push(byte),
            }
        }
    };
    for _ in 0..number()? {
        let offset = number()?;
        let length = number()?;
        map.push(offset, length)?;
    }
    Ok(taken)
}

fn damaged() -> Error {
    Error::new("damaged tar archive: the map of a sparse file does not fit the file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(size: u64, extents: &[(u64, u64)]) -> Map {
        Map {
            size,
            extents: extents
                .iter()
                .map(|&(offset, length)| Extent { offset, length })
                .collect(),
        }
    }

    #[test]
    fn a_map_must_fit_the_file_and_the_data() {
        assert!(map(100, &[(0, 10), (90, 10)]).check(20).is_ok());
        assert!(map(100, &[]).check(0).is_ok());
        for (wrong, stored) in [
            (map(100, &[(0, 10), (5, 10)]), 20),
            (map(100, &[(50, 10), (0, 10)]), 20),
            (map(100, &[(95, 10)]), 10),
            (map(100, &[(0, 10)]), 11),
            (map(100, &[(u64::MAX, 2)]), 2),
        ] {
            assert!(wrong.clone().check(stored).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn pax_1_0_numbers_may_cross_blocks() {
        let mut text = String::from("200\n");
        (0..200).for_each(|n| text.push_str(&format!("{}\n1\n", n * 1000)));
        let mut bytes = text.into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let mut blocks = bytes
            .chunks(BLOCK)
            .map(|c| <[u8; BLOCK]>::try_from(c).unwrap());
        let mut map = map(1_000_000, &[]);
        let taken = pax_1_0(&mut map, || blocks.next().ok_or_else(damaged)).unwrap();
        assert_eq!(map.extents.len(), 200);
        assert_eq!(taken, bytes.len() as u64);
    }

    #[test]
    fn an_endless_map_is_refused() {
        let mut map = Map::default();
        let endless = b"99999999\n0\n0\n0\n0\n".repeat(200);
        let mut blocks = endless.chunks_exact(BLOCK).cycle();
        let next = || Ok(<[u8; BLOCK]>::try_from(blocks.next().unwrap()).unwrap());
        assert!(pax_1_0(&mut map, next).is_err());
    }
}

//! What the headers before an entry's own say about it: PAX records (pax(1)), and GNU's long names.

use std::collections::BTreeMap;

use kit::Result;

use super::entry::Time;
use super::header::truncated;
use super::pax;
use super::sparse::{self, Map};

/// What extension headers say about the entry after them.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Whether there was such a header, so that an entry must follow.
    pub(super) is_pending: bool,
    /// GNU's long names.
    pub(super) long_path: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
    pub(super) path: Option<Vec<u8>>,
    /// The name of a sparse file; `path`, wherever it stands, is then one that GNU tar has made up.
    pub(super) sparse_name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Time>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: Option<Sparse>,
}

#[derive(Debug, Default)]
pub(super) struct Sparse {
    pub(super) map: Map,
    /// PAX 1.0: the map stands before the data.
    pub(super) in_data: bool,
}

impl Overrides {
    /// A PAX header takes the place of the one before it.
    pub(super) fn without_pax(self) -> Self {
        Self {
            is_pending: self.is_pending,
            long_path: self.long_path,
            long_link: self.long_link,
            ..Self::default()
        }
    }

    pub(super) fn read_pax(&mut self, body: &[u8]) -> Result<()> {
        let mut offset = None;
        for (key, value) in pax::records(body)? {
            // An empty one takes back what was said before (pax(1)).
            let some = Some(value).filter(|value| !value.is_empty());
            match key {
                b"path" => self.path = some.map(<[u8]>::to_vec),
                b"linkpath" => self.link = some.map(<[u8]>::to_vec),
                b"size" => self.size = some.map(pax::number).transpose()?,
                b"uid" => self.uid = some.map(pax::signed).transpose()?,
                b"gid" => self.gid = some.map(pax::signed).transpose()?,
                b"mtime" => self.mtime = some.map(pax::time).transpose()?,
                b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                    self.sparse().map.size = pax::number(value)?;
                }
                b"GNU.sparse.major" => self.sparse().in_data = value == b"1",
                b"GNU.sparse.map" => sparse::pax_0_1(&mut self.sparse().map, value)?,
                b"GNU.sparse.offset" => offset = Some(pax::number(value)?),
                b"GNU.sparse.numbytes" => {
                    let offset = offset.take().ok_or_else(truncated)?;
                    self.sparse().map.push(offset, pax::number(value)?)?;
                }
                _ => {
                    if let Some(name) = key.strip_prefix(pax::XATTR) {
                        self.xattrs.insert(name.to_vec(), value.to_vec());
                    }
                }
            }
        }
        Ok(())
    }

    fn sparse(&mut self) -> &mut Sparse {
        self.sparse.get_or_insert_default()
    }
}

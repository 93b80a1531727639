//! Snapshots of the state, one file each.
//!
//! ```text
//!  0        8         12       16                                    16+36n     48+36n
//!  ├ magic ─┼ format ─┼ parts ─┼ n times: length u32 │ digest 32 ─ … ─┼ hash 32 ─┼ part 0 │ part 1 │ …
//! ```
//! What the parts are is the caller's business: a header, the certified cut, the chunks. A file is there
//! whole or not at all, and is never changed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    codec::{Fields, hash, len_u32},
    disk::{Disk, RealDisk, parent, remove_if_there},
    error::StoreError,
    partial::{self, Partial, Piece},
};

const MAGIC: &[u8; 8] = b"GNGLSNAP";
/// Newest format that this release reads, and the one it writes.
pub const FORMAT: u32 = 1;
/// Parts of one snapshot: header, certified cut, and 256 chunks.
pub const PARTS_MAX: usize = 258;
/// Bytes of one part.
pub const PART_BYTES_MAX: usize = 8 << 20;
const HEADER_CONTEXT: &str = "ganglion storage snapshot header";
const PART_CONTEXT: &str = "ganglion storage snapshot part";
const FIXED_BYTES: usize = 16;
const ENTRY_BYTES: usize = 36;
const HASH_BYTES: usize = 32;

/// The snapshots of one data directory; clones share it. Reads from any thread.
#[derive(Clone, Debug)]
pub struct SnapshotFiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

/// Where each part is, and its digest.
struct Layout {
    parts: Vec<(usize, [u8; 32])>,
}

impl Layout {
    fn head(parts: usize) -> usize {
        FIXED_BYTES + parts * ENTRY_BYTES + HASH_BYTES
    }

    fn read(head: &[u8]) -> Option<Self> {
        let (covered, found) = head.split_last_chunk::<HASH_BYTES>()?;
        if hash(HEADER_CONTEXT, &[covered]) != *found {
            return None;
        }
        let mut fields = Fields::new(covered);
        (fields.array::<8>().as_ref() == Some(MAGIC) && fields.u32() == Some(FORMAT))
            .then_some(())?;
        let count = usize::try_from(fields.u32()?).ok()?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::try_from(fields.u32()?).ok()?;
            parts.push((length, fields.array()?));
        }
        fields.end(Self { parts })
    }

    fn offset(&self, part: usize) -> usize {
        let before = self.parts.iter().take(part).map(|(length, _)| length).sum::<usize>();
        Self::head(self.parts.len()) + before
    }
}

/// How many parts a file says it has; `None` if it is none of ours.
fn count_of(fixed: &[u8]) -> Option<usize> {
    let mut fields = Fields::new(fixed);
    let (magic, format) = (fields.array::<8>()?, fields.u32()?);
    let count = usize::try_from(fields.u32()?).ok()?;
    (magic == *MAGIC && format == FORMAT && count <= PARTS_MAX).then_some(count)
}

/// The bytes of a snapshot file.
#[must_use]
pub fn encode(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&FORMAT.to_be_bytes());
    out.extend_from_slice(&u32::try_from(parts.len()).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        out.extend_from_slice(&len_u32(part));
        out.extend_from_slice(&hash(PART_CONTEXT, &[part]));
    }
    let digest = hash(HEADER_CONTEXT, &[&out]);
    out.extend_from_slice(&digest);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// The parts of a snapshot file; `None` if any byte of it is not as it was written.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = count_of(bytes.get(..FIXED_BYTES)?)?;
    let (head, mut rest) = bytes.split_at_checked(Layout::head(count))?;
    let mut parts = Vec::with_capacity(count);
    for (length, digest) in Layout::read(head)?.parts {
        let (part, after) = rest.split_at_checked(length)?;
        (hash(PART_CONTEXT, &[part]) == digest).then_some(())?;
        parts.push(part.to_vec());
        rest = after;
    }
    rest.is_empty().then_some(parts)
}

impl SnapshotFiles {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self { disk, dir: dir.join("snapshots") }
    }

    /// The snapshots in a data directory, for a process that does not hold its lock.
    #[must_use]
    pub fn in_directory(dir: &Path) -> Self {
        Self::new(Arc::new(RealDisk), dir)
    }

    fn path(&self, epoch: u64) -> PathBuf {
        self.dir.join(format!("{epoch:020}.snapshot"))
    }

    fn joining(&self) -> PathBuf {
        self.dir.join("joining")
    }

    /// The snapshot of which pieces are kept, by the name it was given; `None` if none are.
    ///
    /// # Errors
    /// What the disk says.
    pub fn partial(&self) -> Result<Option<[u8; 32]>, StoreError> {
        let path = self.joining();
        partial::named(self.disk.as_ref(), &path).map_err(StoreError::io(&path))
    }

    /// Pieces kept of the snapshot named `of`, and the file that takes more of them. Pieces of another one are removed.
    ///
    /// # Errors
    /// What the disk says.
    pub fn resume(&self, of: &[u8; 32]) -> Result<(Partial, Vec<Piece>), StoreError> {
        partial::resume(&self.disk, &self.joining(), of)
    }

    /// Removes the pieces.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget_partial(&self) -> Result<(), StoreError> {
        partial::forget(self.disk.as_ref(), &self.joining())
    }

    /// Epochs with a snapshot, rising.
    ///
    /// # Errors
    /// What the disk says; so for every call below.
    pub fn epochs(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.disk.list(&self.dir).map_err(StoreError::io(&self.dir))?;
        let mut epochs: Vec<u64> = names
            .iter()
            .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".snapshot"))
            .filter(|name| name.len() == 20)
            .filter_map(|name| name.parse().ok())
            .collect();
        epochs.sort_unstable();
        Ok(epochs)
    }

    /// Keeps the snapshot of an epoch, durably. One that is there is replaced.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`PARTS_MAX`] or [`PART_BYTES_MAX`].
    pub fn write(&self, epoch: u64, parts: &[Vec<u8>]) -> Result<(), StoreError> {
        let largest = parts.iter().map(Vec::len).max().unwrap_or(0);
        if parts.len() > PARTS_MAX || largest > PART_BYTES_MAX {
            let (what, max) = ("a snapshot's part", PART_BYTES_MAX);
            return Err(StoreError::TooLarge { what, bytes: largest, max });
        }
        let path = self.path(epoch);
        self.create(&path, &encode(parts)).map_err(StoreError::io(&path))
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.create_dir(&self.dir)?;
        self.disk.sync_dir(parent(&self.dir))?;
        let temporary = path.with_extension("new");
        remove_if_there(self.disk.as_ref(), &temporary)?;
        let file = self.disk.create(&temporary)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        self.disk.rename(&temporary, path)?;
        self.disk.sync_dir(&self.dir)
    }

    /// One part of an epoch's snapshot; `None` without such a snapshot or part, or if it is damaged.
    pub fn part(&self, epoch: u64, part: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(epoch);
        self.read_part(&path, part).map_err(StoreError::io(&path))
    }

    fn read_part(&self, path: &Path, part: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match self.disk.open_to_read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let read = |offset: usize, length: usize| -> io::Result<Option<Vec<u8>>> {
            let mut bytes = vec![0; length];
            let read = file.read_at(offset as u64, &mut bytes)?;
            Ok((read == length).then_some(bytes))
        };
        let Some(count) = read(0, FIXED_BYTES)?.and_then(|fixed| count_of(&fixed)) else {
            return Ok(None);
        };
        let head = read(0, Layout::head(count))?;
        let Some(layout) = head.and_then(|head| Layout::read(&head)) else { return Ok(None) };
        let Some((length, digest)) = layout.parts.get(part).copied() else { return Ok(None) };
        if length > PART_BYTES_MAX {
            return Ok(None);
        }
        let bytes = read(layout.offset(part), length)?;
        Ok(bytes.filter(|bytes| hash(PART_CONTEXT, &[bytes]) == digest))
    }

    /// All parts of an epoch's snapshot; `None` if one is missing or damaged.
    pub fn parts(&self, epoch: u64) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let path = self.path(epoch);
        let file = match self.disk.open_to_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(StoreError::io(&path))?,
        };
        let size = file.size().map_err(StoreError::io(&path))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_at(0, &mut bytes).map_err(StoreError::io(&path))?;
        Ok(decode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::FaultyDisk;

    fn files() -> SnapshotFiles {
        let disk = FaultyDisk::new();
        SnapshotFiles::new(Arc::new(disk), Path::new("/node"))
    }

    fn parts() -> Vec<Vec<u8>> {
        vec![b"header".to_vec(), b"cut".to_vec(), vec![7; 100_000], Vec::new(), vec![8; 3]]
    }

    #[test]
    fn a_snapshot_is_listed_and_read_part_by_part() {
        let files = files();
        assert_eq!(files.epochs().unwrap(), Vec::<u64>::new());
        for epoch in [256, 128] {
            files.write(epoch, &parts()).unwrap();
        }
        assert_eq!(files.epochs().unwrap(), [128, 256]);
        for (at, part) in parts().into_iter().enumerate() {
            assert_eq!(files.part(128, at).unwrap(), Some(part));
        }
        assert_eq!(files.part(128, 5).unwrap(), None);
        assert_eq!(files.part(64, 0).unwrap(), None);
        assert_eq!(files.parts(256).unwrap(), Some(parts()));
        let many = vec![Vec::new(); PARTS_MAX + 1];
        assert!(matches!(files.write(1, &many), Err(StoreError::TooLarge { .. })));
    }

    #[test]
    fn no_changed_or_missing_byte_goes_unseen() {
        let parts = vec![b"header".to_vec(), vec![7; 20]];
        let bytes = encode(&parts);
        assert_eq!(decode(&bytes), Some(parts));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed), None, "byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "cut at {at}");
        }
        assert_eq!(decode(&[bytes, vec![0]].concat()), None);
    }
}

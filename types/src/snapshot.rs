//! Snapshots: the state rows of one certified epoch in canonical pieces (`docs/spec/snapshots.md`).
//!
//! ```text
//! row    = table u8 ‖ key length u16 BE ‖ key ‖ value length u32 BE ‖ value
//! chunk  = row ‖ row ‖ …                      at most 1 MiB, no row is split
//! digest = H("ganglion/snapshot-chunk", chunk)
//! ```
//! Rows rise by table and key, and a chunk takes rows as long as they fit, so that one state has one
//! snapshot. What makes it the right one is the state root of a certified cut, for the caller to compare.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{CutId, Digest, Epoch, SubnetId};
use crate::sign::tagged_hash;
use crate::{limits, proto};

/// One state row: table, key, value.
pub type Row = (u8, Vec<u8>, Vec<u8>);

/// One chunk as the header lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkInfo {
    /// Its length in bytes.
    pub bytes: u32,
    /// Its digest.
    pub digest: Digest,
}

/// What a snapshot is of, and what it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The subnet.
    pub subnet: SubnetId,
    /// The epoch after whose cut the state is.
    pub epoch: Epoch,
    /// That cut.
    pub cut: CutId,
    /// Rows by table, rising, none of an empty table.
    pub tables: Vec<(u8, u64)>,
    /// Chunks in order, at most [`limits::SNAPSHOT_CHUNKS`].
    pub chunks: Vec<ChunkInfo>,
}

/// Why rows are no snapshot, or bytes no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// A row over the length of a chunk.
    #[error("a row of table {table} is larger than a chunk")]
    Row {
        /// The table.
        table: u8,
    },
    /// More chunks than a snapshot may have.
    #[error("the rows take more than {} chunks", limits::SNAPSHOT_CHUNKS)]
    TooLarge,
    /// A chunk that is not the one listed.
    #[error("chunk {0} is not the one that the header lists")]
    Chunk(usize),
    /// Bytes that are no rows, or not in order.
    #[error("chunk {0} does not hold rows in rising order")]
    Order(usize),
    /// Other rows than the header counts.
    #[error("the rows are not as many as the header says")]
    Count,
}

/// Digest of a chunk.
#[must_use]
pub fn chunk_digest(chunk: &[u8]) -> Digest {
    tagged_hash("ganglion/snapshot-chunk", &[chunk])
}

impl Snapshot {
    /// Header and chunks of rows that rise by table and key.
    ///
    /// # Errors
    /// [`SnapshotError::Row`] or [`SnapshotError::TooLarge`].
    pub fn of<'a>(
        subnet: SubnetId,
        epoch: Epoch,
        cut: CutId,
        rows: impl IntoIterator<Item = (u8, &'a [u8], &'a [u8])>,
    ) -> Result<(Self, Vec<Vec<u8>>), SnapshotError> {
        let mut tables: Vec<(u8, u64)> = Vec::new();
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        for (table, key, value) in rows {
            match tables.last_mut() {
                Some((last, count)) if *last == table => *count = count.saturating_add(1),
                _ => tables.push((table, 1)),
            }
            let row = encode_row(table, key, value).ok_or(SnapshotError::Row { table })?;
            let full = chunks.len() >= limits::SNAPSHOT_CHUNKS;
            match chunks.last_mut() {
                Some(chunk)
                    if chunk.len().saturating_add(row.len()) <= limits::SNAPSHOT_CHUNK_BYTES =>
                {
                    chunk.extend_from_slice(&row);
                }
                _ if full => {
                    return Err(SnapshotError::TooLarge);
                }
                _ => chunks.push(row),
            }
        }
        let infos = chunks.iter().map(|chunk| ChunkInfo {
            bytes: u32::try_from(chunk.len()).unwrap_or(u32::MAX),
            digest: chunk_digest(chunk),
        });
        let chunks_listed = infos.collect();
        Ok((Self { subnet, epoch, cut, tables, chunks: chunks_listed }, chunks))
    }

    /// Whether `bytes` are chunk number `index`.
    #[must_use]
    pub fn is_chunk(&self, index: usize, bytes: &[u8]) -> bool {
        self.chunks.get(index).is_some_and(|info| {
            u32::try_from(bytes.len()) == Ok(info.bytes) && chunk_digest(bytes) == info.digest
        })
    }

    /// The rows of all chunks, in order.
    ///
    /// # Errors
    /// The first chunk that is not the one listed or holds no rows in order; a wrong count.
    pub fn rows(&self, chunks: &[Vec<u8>]) -> Result<Vec<Row>, SnapshotError> {
        if chunks.len() != self.chunks.len() {
            return Err(SnapshotError::Count);
        }
        let mut rows: Vec<Row> = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            if !self.is_chunk(index, chunk) {
                return Err(SnapshotError::Chunk(index));
            }
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let row = decode_row(&mut rest).ok_or(SnapshotError::Order(index))?;
                let rises = rows.last().is_none_or(|last| (last.0, &last.1) < (row.0, &row.1));
                if !rises {
                    return Err(SnapshotError::Order(index));
                }
                rows.push(row);
            }
        }
        let mut tables: Vec<(u8, u64)> = Vec::new();
        for (table, ..) in &rows {
            match tables.last_mut() {
                Some((last, count)) if last == table => *count = count.saturating_add(1),
                _ => tables.push((*table, 1)),
            }
        }
        if tables == self.tables { Ok(rows) } else { Err(SnapshotError::Count) }
    }
}

fn encode_row(table: u8, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let mut row = vec![table];
    row.extend_from_slice(&u16::try_from(key.len()).ok()?.to_be_bytes());
    row.extend_from_slice(key);
    row.extend_from_slice(&u32::try_from(value.len()).ok()?.to_be_bytes());
    row.extend_from_slice(value);
    (row.len() <= limits::SNAPSHOT_CHUNK_BYTES).then_some(row)
}

fn decode_row(rest: &mut &[u8]) -> Option<Row> {
    let ([table, high, low], after) = rest.split_first_chunk::<3>()?;
    let (key, after) = after.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
    let (length, after) = after.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((*table, key.to_vec(), value.to_vec()))
}

impl Canonical for Snapshot {
    type Proto = proto::Snapshot;

    fn to_proto(&self) -> proto::Snapshot {
        let tables = self
            .tables
            .iter()
            .map(|(table, rows)| proto::SnapshotTable { table: u32::from(*table), rows: *rows });
        let chunks = self.chunks.iter().map(|chunk| proto::SnapshotChunk {
            bytes: chunk.bytes,
            digest: chunk.digest.as_bytes().to_vec(),
        });
        proto::Snapshot {
            subnet: self.subnet.as_bytes().to_vec(),
            epoch: self.epoch.get(),
            cut: self.cut.as_bytes().to_vec(),
            tables: tables.collect(),
            chunks: chunks.collect(),
        }
    }

    fn from_proto(proto: proto::Snapshot) -> Result<Self, DecodeError> {
        if proto.chunks.len() > limits::SNAPSHOT_CHUNKS {
            return Err(DecodeError::field("chunks", "has too many entries"));
        }
        let table = |row: &proto::SnapshotTable| {
            let table = u8::try_from(row.table);
            let table = table.map_err(|_| DecodeError::field("table", "must be below 256"))?;
            Ok((table, row.rows))
        };
        let tables: Vec<(u8, u64)> =
            proto.tables.iter().map(table).collect::<Result<_, DecodeError>>()?;
        if !tables.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError::field("tables", "must be strictly rising"));
        }
        let chunk = |one: proto::SnapshotChunk| {
            let digest = codec::hash32("digest", &one.digest, Digest::new)?;
            if usize::try_from(one.bytes).map_or(true, |bytes| bytes > limits::SNAPSHOT_CHUNK_BYTES)
            {
                return Err(DecodeError::field("bytes", "must be at most 1 MiB"));
            }
            Ok(ChunkInfo { bytes: one.bytes, digest })
        };
        let chunks: Vec<ChunkInfo> =
            proto.chunks.into_iter().map(chunk).collect::<Result<_, DecodeError>>()?;
        Ok(Self {
            subnet: codec::hash32("subnet", &proto.subnet, SubnetId::new)?,
            epoch: Epoch::new(proto.epoch),
            cut: codec::hash32("cut", &proto.cut, CutId::new)?,
            tables,
            chunks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(many: u32, size: usize) -> Vec<Row> {
        (0..many)
            .map(|n| (if n < many / 2 { 1 } else { 4 }, n.to_be_bytes().to_vec(), vec![7; size]))
            .collect()
    }

    fn snapshot(rows: &[Row]) -> (Snapshot, Vec<Vec<u8>>) {
        let borrowed = rows.iter().map(|(table, key, value)| (*table, &key[..], &value[..]));
        let (subnet, cut) = (SubnetId::new([1; 32]), CutId::new([2; 32]));
        Snapshot::of(subnet, Epoch::new(9), cut, borrowed).unwrap()
    }

    #[test]
    fn rows_come_back_from_chunks_of_at_most_a_mebibyte() {
        for (many, size) in [(0, 0), (1, 0), (3, 100), (300, 10_000)] {
            let rows = rows(many, size);
            let (header, chunks) = snapshot(&rows);
            assert!(chunks.iter().all(|chunk| chunk.len() <= limits::SNAPSHOT_CHUNK_BYTES));
            assert_eq!(header.rows(&chunks).unwrap(), rows);
            let bytes = header.to_bytes();
            assert_eq!(Snapshot::from_bytes(&bytes, limits::RPC_BYTES).unwrap(), header);
        }
        let (header, chunks) = snapshot(&rows(300, 10_000));
        assert_eq!((chunks.len(), header.tables), (3, vec![(1, 150), (4, 150)]));
    }

    #[test]
    fn a_changed_missing_or_moved_byte_is_seen() {
        let (header, chunks) = snapshot(&rows(300, 10_000));
        let mut changed = chunks.clone();
        changed[1][500] ^= 1;
        assert_eq!(header.rows(&changed), Err(SnapshotError::Chunk(1)));
        assert_eq!(header.rows(&chunks[..2]), Err(SnapshotError::Count));
        let mut swapped = chunks.clone();
        swapped.swap(0, 1);
        assert_eq!(header.rows(&swapped), Err(SnapshotError::Chunk(0)));
        // A header that lists them so is none either.
        let mut lying = header.clone();
        lying.chunks.swap(0, 1);
        assert_eq!(lying.rows(&swapped), Err(SnapshotError::Order(1)));
        let mut miscounted = header;
        miscounted.tables[0].1 += 1;
        assert_eq!(miscounted.rows(&chunks), Err(SnapshotError::Count));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let large = vec![0; limits::SNAPSHOT_CHUNK_BYTES];
        let (subnet, cut) = (SubnetId::new([1; 32]), CutId::new([2; 32]));
        let one = Snapshot::of(subnet, Epoch::new(1), cut, [(3, &[][..], &large[..])]);
        assert_eq!(one.unwrap_err(), SnapshotError::Row { table: 3 });
        let most = &large[..limits::SNAPSHOT_CHUNK_BYTES - 11];
        let keys: Vec<[u8; 4]> =
            (0..=u32::try_from(limits::SNAPSHOT_CHUNKS).unwrap()).map(u32::to_be_bytes).collect();
        let rows = keys.iter().map(|key| (3, &key[..], most));
        let all = Snapshot::of(subnet, Epoch::new(1), cut, rows);
        assert_eq!(all.unwrap_err(), SnapshotError::TooLarge);
    }
}

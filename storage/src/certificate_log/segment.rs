//! One file of the certificate log: a header, then records of consecutive epochs.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{BUNDLE_BYTES_MAX, FORMAT, Logged};
use crate::{
    codec::{Fields, hash, len_u32},
    disk::{Disk, DiskFile, remove_if_there},
    error::{Damage, OpenError, Part},
};

const MAGIC: &[u8; 8] = b"GNGLCERT";
/// Begins a record with all items of its epoch.
const WHOLE_MAGIC: &[u8; 4] = b"CREC";
/// Begins a record of a cut and its certificate, without items.
const CUT_MAGIC: &[u8; 4] = b"CCUT";
const HEADER_CONTEXT: &str = "ganglion storage certificate log header";
const RECORD_CONTEXT: &str = "ganglion storage certificate log record";
const PAYLOAD_CONTEXT: &str = "ganglion storage certificate log payload";
/// Bytes before the first record.
pub(super) const HEADER_BYTES: usize = 152;
/// Bytes of a record before its payload.
pub(super) const RECORD_HEADER_BYTES: usize = 112;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Place in the log, from zero.
    pub(super) ordinal: u64,
    /// Hash that the last record of the segment before was first written with; zero in the first segment.
    pub(super) link: [u8; 32],
    /// Hash that the last record here was first written with, once items were removed; zero before.
    pub(super) end: [u8; 32],
}

impl SegmentHeader {
    /// Its bytes and their hash, the last field.
    pub(super) fn encode(&self, subnet: &[u8; 32]) -> (Vec<u8>, [u8; 32]) {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(subnet);
        out.extend_from_slice(&self.ordinal.to_be_bytes());
        out.extend_from_slice(&self.link);
        out.extend_from_slice(&self.end);
        let digest = hash(HEADER_CONTEXT, &[&out]);
        out.extend_from_slice(&digest);
        (out, digest)
    }
}

/// The header of a record that holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader {
    pub(super) whole: bool,
    pub(super) length: usize,
    pub(super) epoch: u64,
    pub(super) prev: [u8; 32],
    digest: [u8; 32],
    pub(super) hash: [u8; 32],
}

impl RecordHeader {
    pub(super) fn next_offset(&self, offset: u64) -> u64 {
        offset + RECORD_HEADER_BYTES as u64 + self.length as u64
    }
}

/// An open file of the log.
#[derive(Clone, Debug)]
pub(super) struct SegmentFile {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    pub(super) header_hash: [u8; 32],
}

/// What a walk through a segment found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walked {
    /// First and last epoch whose records hold.
    pub(super) range: Option<(u64, u64)>,
    /// Last epoch without items.
    pub(super) last_cut: Option<u64>,
    /// Hash of the last record that holds; of the header without one.
    pub(super) last_hash: [u8; 32],
    /// Where it ends.
    pub(super) end: u64,
    /// Bytes in the file.
    pub(super) size: u64,
}

/// Name of a segment's file.
pub(super) fn path_of(dir: &Path, ordinal: u64) -> PathBuf {
    dir.join(format!("certificates-{ordinal:08}.log"))
}

/// Ordinals of the segments in a directory, rising.
pub(super) fn ordinals(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let names = disk.list(dir)?;
    let mut ordinals: Vec<u64> = names
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_prefix("certificates-"))
        .filter_map(|name| name.strip_suffix(".log")?.parse().ok())
        .collect();
    ordinals.sort_unstable();
    Ok(ordinals)
}

fn payload_digest(payload: &[u8]) -> [u8; 32] {
    hash(PAYLOAD_CONTEXT, &[payload])
}

fn record_hash(header_hash: &[u8; 32], offset: u64, fields: &[u8]) -> [u8; 32] {
    hash(RECORD_CONTEXT, &[header_hash, &offset.to_be_bytes(), fields])
}

/// The bytes of a record at `offset` and its hash.
pub(super) fn encode_record(
    header_hash: &[u8; 32],
    offset: u64,
    prev: &[u8; 32],
    epoch: u64,
    record: &Logged,
) -> (Vec<u8>, [u8; 32]) {
    let (magic, payload) = match record {
        Logged::Whole(bundle) => (WHOLE_MAGIC, bundle),
        Logged::Cut(cut) => (CUT_MAGIC, cut),
    };
    let mut out = Vec::with_capacity(RECORD_HEADER_BYTES + payload.len());
    out.extend_from_slice(magic);
    out.extend_from_slice(&len_u32(payload));
    out.extend_from_slice(&epoch.to_be_bytes());
    out.extend_from_slice(prev);
    out.extend_from_slice(&payload_digest(payload));
    let hash = record_hash(header_hash, offset, &out);
    out.extend_from_slice(&hash);
    out.extend_from_slice(payload);
    (out, hash)
}

/// Writes a file under another name, syncs it, and gives it its own: it is there whole or not at all. The name is durable
/// with the next sync of the directory.
pub(super) fn write_whole(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    check: impl FnOnce(&Arc<dyn DiskFile>) -> io::Result<()>,
) -> io::Result<Arc<dyn DiskFile>> {
    let temporary = path.with_extension("new");
    remove_if_there(disk, &temporary)?;
    let file = disk.create(&temporary)?;
    file.write_at(0, bytes)?;
    file.sync_data()?;
    check(&file)?;
    disk.rename(&temporary, path)?;
    Ok(file)
}

impl SegmentFile {
    /// Creates an empty segment, or replaces one of that name.
    pub(super) fn create(
        disk: &dyn Disk,
        dir: &Path,
        subnet: &[u8; 32],
        header: SegmentHeader,
    ) -> io::Result<Self> {
        let (bytes, header_hash) = header.encode(subnet);
        let file = write_whole(disk, &path_of(dir, header.ordinal), &bytes, |_| Ok(()))?;
        disk.sync_dir(dir)?;
        Ok(Self { file, header, header_hash })
    }

    /// Opens a segment whose header is the one it should have.
    pub(super) fn open(
        disk: &dyn Disk,
        dir: &Path,
        subnet: &[u8; 32],
        ordinal: u64,
    ) -> Result<Self, OpenError> {
        let path = path_of(dir, ordinal);
        let file = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenError::damaged(dir, Part::CertificateLog, Damage::Missing));
            }
            other => other.map_err(OpenError::io(&path))?,
        };
        Self::of(file, dir, subnet, ordinal)
    }

    pub(super) fn of(
        file: Arc<dyn DiskFile>,
        dir: &Path,
        subnet: &[u8; 32],
        ordinal: u64,
    ) -> Result<Self, OpenError> {
        let damaged = || OpenError::damaged(dir, Part::CertificateLog, Damage::Header);
        let mut found = [0; HEADER_BYTES];
        let read = file.read_at(0, &mut found);
        let read = read.map_err(OpenError::io(&path_of(dir, ordinal)))?;
        let (covered, digest) = found.split_last_chunk::<32>().ok_or_else(damaged)?;
        let holds = read == HEADER_BYTES && hash(HEADER_CONTEXT, &[covered]) == *digest;
        let mut fields = Fields::new(covered);
        if !holds || fields.array::<8>().as_ref() != Some(MAGIC) {
            return Err(damaged());
        }
        let format = fields.u32().ok_or_else(damaged)?;
        if format > FORMAT {
            let part = Part::CertificateLog;
            return Err(OpenError::Newer { part, found: format, known: FORMAT });
        }
        let zero = fields.u32().ok_or_else(damaged)?;
        let of = fields.array::<32>().ok_or_else(damaged)?;
        let (Some(number), Some(link), Some(end)) = (fields.u64(), fields.array(), fields.array())
        else {
            return Err(damaged());
        };
        if of != *subnet {
            return Err(OpenError::OtherSubnet { dir: dir.to_owned() });
        }
        if format != FORMAT || zero != 0 || number != ordinal {
            return Err(damaged());
        }
        let header = SegmentHeader { ordinal, link, end };
        Ok(Self { file, header, header_hash: *digest })
    }

    fn decode(&self, offset: u64, bytes: &[u8; RECORD_HEADER_BYTES]) -> Option<RecordHeader> {
        let (covered, found) = bytes.split_last_chunk::<32>()?;
        let mut fields = Fields::new(covered);
        let whole = match &fields.array::<4>()? {
            WHOLE_MAGIC => true,
            CUT_MAGIC => false,
            _ => return None,
        };
        let length = usize::try_from(fields.u32()?).ok()?;
        let epoch = fields.u64()?;
        let (prev, digest) = (fields.array()?, fields.array()?);
        (length <= BUNDLE_BYTES_MAX && record_hash(&self.header_hash, offset, covered) == *found)
            .then_some(RecordHeader { whole, length, epoch, prev, digest, hash: *found })
    }

    /// The record header at `offset` if one holds there.
    pub(super) fn record_at(&self, offset: u64) -> io::Result<Option<RecordHeader>> {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        if self.file.read_at(offset, &mut bytes)? < RECORD_HEADER_BYTES {
            return Ok(None);
        }
        Ok(self.decode(offset, &bytes))
    }

    /// What the record at `offset` holds, if it is intact.
    pub(super) fn payload(&self, offset: u64, header: &RecordHeader) -> io::Result<Option<Logged>> {
        let mut payload = vec![0; header.length];
        let read = self.file.read_at(offset + RECORD_HEADER_BYTES as u64, &mut payload)?;
        let intact = read == header.length && payload_digest(&payload) == header.digest;
        let logged = if header.whole { Logged::Whole(payload) } else { Logged::Cut(payload) };
        Ok(intact.then_some(logged))
    }

    /// Follows the chain up to the first record that does not hold. Payloads that end in the last `verified` bytes of
    /// the file are read too. Every record goes to `each` with its offset.
    pub(super) fn walk(
        &self,
        verified: u64,
        mut each: impl FnMut(u64, &RecordHeader) -> io::Result<()>,
    ) -> io::Result<Walked> {
        let size = self.file.size()?;
        let mut walked = Walked {
            range: None,
            last_cut: None,
            last_hash: self.header_hash,
            end: HEADER_BYTES as u64,
            size,
        };
        while let Some(header) = self.record_at(walked.end)? {
            let next = header.next_offset(walked.end);
            let in_order = walked.range.is_none_or(|(_, last)| last + 1 == header.epoch);
            if header.prev != walked.last_hash || !in_order || next > size {
                break;
            }
            let near_the_end = size - walked.end <= verified;
            if near_the_end && self.payload(walked.end, &header)?.is_none() {
                break;
            }
            each(walked.end, &header)?;
            if !header.whole {
                walked.last_cut = Some(header.epoch);
            }
            let first = walked.range.map_or(header.epoch, |(first, _)| first);
            walked.range = Some((first, header.epoch));
            walked.last_hash = header.hash;
            walked.end = next;
        }
        Ok(walked)
    }

    /// The hash that the last record was first written with, which the next segment names.
    pub(super) fn first_end(&self, walked: &Walked) -> [u8; 32] {
        if self.header.end == [0; 32] { walked.last_hash } else { self.header.end }
    }

    /// Whether a record header of an epoch later than `epoch` holds anywhere behind `from`.
    ///
    /// A record's hash covers its offset, so bytes inside a payload do not pass for one.
    pub(super) fn record_follows(&self, from: u64, epoch: u64) -> io::Result<bool> {
        const WINDOW: usize = 1 << 20;
        let mut window = vec![0; WINDOW];
        let mut start = from;
        loop {
            let read = self.file.read_at(start, &mut window)?;
            let seen = window.get(..read).unwrap_or_default();
            for (at, bytes) in seen.windows(RECORD_HEADER_BYTES).enumerate() {
                if !bytes.starts_with(WHOLE_MAGIC) && !bytes.starts_with(CUT_MAGIC) {
                    continue;
                }
                let found = bytes.first_chunk().and_then(|b| self.decode(start + at as u64, b));
                if found.is_some_and(|header| header.epoch > epoch) {
                    return Ok(true);
                }
            }
            if read < WINDOW {
                return Ok(false);
            }
            start += (WINDOW - RECORD_HEADER_BYTES + 1) as u64;
        }
    }
}

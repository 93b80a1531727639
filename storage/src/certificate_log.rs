//! Every certified epoch, from which everything else can be rebuilt.
//!
//! ```text
//!  file header 80 B │ record │ record │ …            record = header 112 B │ payload
//!
//!  record header: magic 4 │ length u32 │ epoch u64 │ prev 32 │ digest 32 │ hash 32
//!                                                     │          │          └ of the 80 bytes before, this file's header
//!                                                     │          │            and the record's offset
//!                                                     │          └ blake3 of the payload
//!                                                     └ hash of the record before; of the file header for the first
//! ```
//! Epochs have no gaps. The chain of headers is checked at every open, payloads near the end too, and every payload again
//! when it is read. Opening needs to be told which epoch is known to have been durable: then a lost last record is damage
//! and not a torn tail.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    codec::{Fields, hash, len_u32},
    disk::{Disk, DiskFile, parent, remove_if_there},
    error::{Damage, OpenError, Part, StoreError},
};

const MAGIC: &[u8; 8] = b"GNGLCERT";
const RECORD_MAGIC: &[u8; 4] = b"CREC";
const HEADER_CONTEXT: &str = "ganglion storage certificate log header";
const RECORD_CONTEXT: &str = "ganglion storage certificate log record";
const PAYLOAD_CONTEXT: &str = "ganglion storage certificate log payload";
/// Newest format that this release reads, and the one it writes.
pub const FORMAT: u32 = 1;
/// Bytes of one record's payload, an encoded `EpochBundle`.
pub const BUNDLE_BYTES_MAX: usize = 8 << 20;
/// Payloads this near to the end of the file are checked at open; those before it when they are read.
pub const VERIFIED_BYTES: u64 = 256 << 20;
const HEADER_BYTES: usize = 80;
const RECORD_HEADER_BYTES: usize = 112;
/// One offset in memory per so many epochs: a year of 10 s epochs costs 1.6 MB.
const INDEX_STRIDE: u64 = 16;

/// The open log, for its one writer.
#[derive(Debug)]
pub struct CertificateLog {
    shared: Arc<Shared>,
    last_hash: [u8; 32],
    end: u64,
    pending: Vec<(u64, u64)>,
}

/// Reads certified epochs from any thread; sees only what is durable.
#[derive(Clone, Debug)]
pub struct CertificateReader(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    header_hash: [u8; 32],
    index: RwLock<Index>,
}

#[derive(Clone, Debug, Default)]
struct Index {
    /// First and last epoch in the log.
    range: Option<(u64, u64)>,
    /// Offsets of the first record and every `INDEX_STRIDE`th after it.
    offsets: Vec<u64>,
}

impl Index {
    fn push(&mut self, epoch: u64, offset: u64) {
        let first = self.range.map_or(epoch, |(first, _)| first);
        if (epoch - first).is_multiple_of(INDEX_STRIDE) {
            self.offsets.push(offset);
        }
        self.range = Some((first, epoch));
    }
}

struct RecordHeader {
    length: usize,
    epoch: u64,
    prev: [u8; 32],
    digest: [u8; 32],
    hash: [u8; 32],
}

impl RecordHeader {
    fn next_offset(&self, offset: u64) -> u64 {
        offset + RECORD_HEADER_BYTES as u64 + self.length as u64
    }
}

fn file_header(subnet: &[u8; 32]) -> (Vec<u8>, [u8; 32]) {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(subnet);
    let digest = hash(HEADER_CONTEXT, &[&out]);
    out.extend_from_slice(&digest);
    (out, digest)
}

fn payload_digest(payload: &[u8]) -> [u8; 32] {
    hash(PAYLOAD_CONTEXT, &[payload])
}

impl Shared {
    fn damaged(&self, epoch: u64, offset: u64) -> OpenError {
        let damage = Damage::Record { epoch, offset };
        OpenError::damaged(parent(&self.path), Part::CertificateLog, damage)
    }

    fn hash_of(&self, offset: u64, fields: &[u8]) -> [u8; 32] {
        hash(RECORD_CONTEXT, &[&self.header_hash, &offset.to_be_bytes(), fields])
    }

    fn decode(&self, offset: u64, bytes: &[u8; RECORD_HEADER_BYTES]) -> Option<RecordHeader> {
        let (covered, found) = bytes.split_last_chunk::<32>()?;
        let mut fields = Fields::new(covered);
        if fields.array::<4>().as_ref() != Some(RECORD_MAGIC) {
            return None;
        }
        let length = usize::try_from(fields.u32()?).ok()?;
        let epoch = fields.u64()?;
        let (prev, digest) = (fields.array()?, fields.array()?);
        (length <= BUNDLE_BYTES_MAX && self.hash_of(offset, covered) == *found)
            .then_some(RecordHeader { length, epoch, prev, digest, hash: *found })
    }

    /// The header at `offset` if one holds there.
    fn header_at(&self, offset: u64) -> io::Result<Option<RecordHeader>> {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        if self.file.read_at(offset, &mut bytes)? < RECORD_HEADER_BYTES {
            return Ok(None);
        }
        Ok(self.decode(offset, &bytes))
    }

    /// The payload of the record at `offset` if it holds.
    fn payload(&self, offset: u64, header: &RecordHeader) -> io::Result<Option<Vec<u8>>> {
        let mut payload = vec![0; header.length];
        let read = self.file.read_at(offset + RECORD_HEADER_BYTES as u64, &mut payload)?;
        let whole = read == header.length && payload_digest(&payload) == header.digest;
        Ok(whole.then_some(payload))
    }

    /// Whether a record header of an epoch later than `epoch` holds anywhere behind `from`.
    ///
    /// A record's hash covers its offset, so bytes inside a payload do not pass for one.
    fn record_follows(&self, from: u64, epoch: u64) -> io::Result<bool> {
        const WINDOW: usize = 1 << 20;
        let mut window = vec![0; WINDOW];
        let mut start = from;
        loop {
            let read = self.file.read_at(start, &mut window)?;
            let seen = window.get(..read).unwrap_or_default();
            for (at, bytes) in seen.windows(RECORD_HEADER_BYTES).enumerate() {
                if !bytes.starts_with(RECORD_MAGIC) {
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

    fn read(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let io_error = |source| StoreError::Io { path: self.path.clone(), source };
        let (first, mut offset) = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            let Some((first, _)) =
                index.range.filter(|(first, last)| (first..=last).contains(&&epoch))
            else {
                return Ok(None);
            };
            let slot = usize::try_from((epoch - first) / INDEX_STRIDE).unwrap_or(usize::MAX);
            let Some(offset) = index.offsets.get(slot) else { return Ok(None) };
            (first, *offset)
        };
        let mut at = epoch - (epoch - first) % INDEX_STRIDE;
        loop {
            let damaged = || StoreError::Damaged {
                part: Part::CertificateLog,
                damage: Damage::Record { epoch: at, offset },
            };
            let header = self.header_at(offset).map_err(io_error)?;
            let header = header.filter(|header| header.epoch == at).ok_or_else(damaged)?;
            if at == epoch {
                return self
                    .payload(offset, &header)
                    .map_err(io_error)?
                    .ok_or_else(damaged)
                    .map(Some);
            }
            offset = header.next_offset(offset);
            at += 1;
        }
    }

    fn range(&self) -> Option<(u64, u64)> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).range
    }
}

impl CertificateLog {
    /// Creates an empty log, or replaces one of that name; it is there with a whole header or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(disk: &dyn Disk, path: &Path, subnet: &[u8; 32]) -> io::Result<Self> {
        let temporary = path.with_extension("new");
        remove_if_there(disk, &temporary)?;
        let file = disk.create(&temporary)?;
        let (bytes, header_hash) = file_header(subnet);
        file.write_at(0, &bytes)?;
        file.sync_data()?;
        disk.rename(&temporary, path)?;
        disk.sync_dir(parent(path))?;
        let shared = Shared { file, path: path.to_owned(), header_hash, index: RwLock::default() };
        Ok(Self {
            shared: Arc::new(shared),
            last_hash: header_hash,
            end: bytes.len() as u64,
            pending: Vec::new(),
        })
    }

    /// Opens the log, checks it and cuts a torn tail.
    ///
    /// `durable` is the last epoch that something else shows to have been in the log (the applied epoch, the watermark). A log that
    /// ends before it is damaged, whatever its tail looks like.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] with the first epoch that is lost, and nothing is cut; [`OpenError::OtherSubnet`];
    /// [`OpenError::Newer`]; what the disk says.
    pub fn open(
        disk: &dyn Disk,
        path: &Path,
        subnet: &[u8; 32],
        durable: Option<u64>,
    ) -> Result<Self, OpenError> {
        let (file, header_hash) = open_file(disk, path, subnet)?;
        let shared = Shared { file, path: path.to_owned(), header_hash, index: RwLock::default() };
        let mut log = Self {
            shared: Arc::new(shared),
            last_hash: header_hash,
            end: HEADER_BYTES as u64,
            pending: Vec::new(),
        };
        log.scan()?;
        log.settle_tail(durable)?;
        Ok(log)
    }

    /// Checks that the file is there and of this subnet and format, and no more.
    ///
    /// # Errors
    /// As [`CertificateLog::open`].
    pub fn check_header(disk: &dyn Disk, path: &Path, subnet: &[u8; 32]) -> Result<(), OpenError> {
        open_file(disk, path, subnet).map(drop)
    }

    /// Walks the chain up to the first record that does not hold.
    fn scan(&mut self) -> Result<(), OpenError> {
        let shared = Arc::clone(&self.shared);
        let io_error = |source| OpenError::Io { path: shared.path.clone(), source };
        let size = shared.file.size().map_err(io_error)?;
        let mut index = Index::default();
        while let Some(header) = shared.header_at(self.end).map_err(io_error)? {
            let next = header.next_offset(self.end);
            let in_order = index.range.is_none_or(|(_, last)| header.epoch == last + 1);
            if header.prev != self.last_hash || !in_order || next > size {
                break;
            }
            let near_the_end = size - self.end <= VERIFIED_BYTES;
            if near_the_end && shared.payload(self.end, &header).map_err(io_error)?.is_none() {
                break;
            }
            index.push(header.epoch, self.end);
            self.last_hash = header.hash;
            self.end = next;
        }
        *shared.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }

    /// Decides whether what lies behind the last good record is a torn tail or damage.
    fn settle_tail(&mut self, durable: Option<u64>) -> Result<(), OpenError> {
        let shared = Arc::clone(&self.shared);
        let io_error = |source| OpenError::Io { path: shared.path.clone(), source };
        let last = self.last();
        let lost = last.map_or(1, |last| last + 1);
        if durable.is_some_and(|durable| durable > 0 && last.is_none_or(|last| last < durable)) {
            return Err(shared.damaged(lost, self.end));
        }
        let tail = shared.file.size().map_err(io_error)?.saturating_sub(self.end);
        if tail == 0 {
            return Ok(());
        }
        if shared.record_follows(self.end + 1, lost).map_err(io_error)? {
            return Err(shared.damaged(lost, self.end));
        }
        shared.file.truncate(self.end).map_err(io_error)?;
        shared.file.sync_data().map_err(io_error)?;
        tracing::warn!(bytes = tail, "cut a torn tail of the certificate log");
        Ok(())
    }

    /// Appends the bundle of the next epoch; any epoch may come first. Not durable, and not readable, before
    /// [`CertificateLog::sync`].
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::OutOfOrder`], what the disk says.
    pub fn append(&mut self, epoch: u64, bundle: &[u8]) -> Result<(), StoreError> {
        if bundle.len() > BUNDLE_BYTES_MAX {
            let bytes = bundle.len();
            return Err(StoreError::TooLarge {
                what: "an epoch bundle",
                bytes,
                max: BUNDLE_BYTES_MAX,
            });
        }
        let last = self.pending.last().map(|(epoch, _)| *epoch).or(self.last());
        if let Some(last) = last.filter(|last| epoch != last + 1) {
            return Err(StoreError::OutOfOrder { epoch, expected: last + 1 });
        }
        let mut out = Vec::with_capacity(RECORD_HEADER_BYTES + bundle.len());
        out.extend_from_slice(RECORD_MAGIC);
        out.extend_from_slice(&len_u32(bundle));
        out.extend_from_slice(&epoch.to_be_bytes());
        out.extend_from_slice(&self.last_hash);
        out.extend_from_slice(&payload_digest(bundle));
        let record_hash = self.shared.hash_of(self.end, &out);
        out.extend_from_slice(&record_hash);
        out.extend_from_slice(bundle);
        self.shared.file.write_at(self.end, &out).map_err(StoreError::io(&self.shared.path))?;
        self.pending.push((epoch, self.end));
        self.last_hash = record_hash;
        self.end += out.len() as u64;
        Ok(())
    }

    /// Makes what was appended durable and readable.
    ///
    /// # Errors
    /// What the disk says; the node must then sign nothing more.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.shared.file.sync_data().map_err(StoreError::io(&self.shared.path))?;
        let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
        for (epoch, offset) in self.pending.drain(..) {
            index.push(epoch, offset);
        }
        Ok(())
    }

    /// First durable epoch.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.shared.range().map(|(first, _)| first)
    }

    /// Last durable epoch.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.shared.range().map(|(_, last)| last)
    }

    /// A handle for other threads.
    #[must_use]
    pub fn reader(&self) -> CertificateReader {
        CertificateReader(Arc::clone(&self.shared))
    }
}

impl CertificateReader {
    /// The bundle of `epoch`; `None` if the log does not hold that epoch.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] naming the epoch and its place if it does not hold; what the disk says.
    pub fn read(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.read(epoch)
    }

    /// First and last durable epoch.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        self.0.range()
    }

    /// Bundles from `epoch` on, up to the last one durable when each is read. Ends after an error.
    pub fn iter_from(
        &self,
        epoch: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<u8>), StoreError>> + use<> {
        let reader = self.clone();
        let mut next = Some(epoch.max(reader.range().map_or(0, |(first, _)| first)));
        std::iter::from_fn(move || {
            let epoch = next.take()?;
            match reader.read(epoch).transpose()? {
                Ok(bundle) => {
                    next = epoch.checked_add(1);
                    Some(Ok((epoch, bundle)))
                }
                Err(error) => Some(Err(error)),
            }
        })
    }
}

/// The file and the hash of its header, if that is the one it should have.
fn open_file(
    disk: &dyn Disk,
    path: &Path,
    subnet: &[u8; 32],
) -> Result<(Arc<dyn DiskFile>, [u8; 32]), OpenError> {
    let dir = parent(path);
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::damaged(dir, Part::CertificateLog, Damage::Missing));
        }
        other => other.map_err(OpenError::io(path))?,
    };
    let (expected, header_hash) = file_header(subnet);
    let mut found = [0; HEADER_BYTES];
    let read = file.read_at(0, &mut found).map_err(OpenError::io(path))?;
    if read < HEADER_BYTES || found.as_slice() != expected.as_slice() {
        return Err(other_header(dir, &found));
    }
    Ok((file, header_hash))
}

/// Tells another subnet and a newer format from damage.
fn other_header(dir: &Path, found: &[u8; HEADER_BYTES]) -> OpenError {
    let intact = || {
        let (covered, digest) = found.split_last_chunk::<32>()?;
        let mut fields = Fields::new(covered);
        let ours = fields.array::<8>().as_ref() == Some(MAGIC)
            && hash(HEADER_CONTEXT, &[covered]) == *digest;
        fields.u32().filter(|_| ours)
    };
    match intact() {
        Some(FORMAT) => OpenError::OtherSubnet { dir: dir.to_owned() },
        Some(found) if found > FORMAT => {
            OpenError::Newer { part: Part::CertificateLog, found, known: FORMAT }
        }
        _ => OpenError::damaged(dir, Part::CertificateLog, Damage::Header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::{Crash, FaultyDisk};

    const SUBNET: [u8; 32] = [7; 32];

    fn path() -> PathBuf {
        PathBuf::from("/d/certificates.log")
    }

    fn bundle(epoch: u64) -> Vec<u8> {
        vec![epoch as u8; 20 + epoch as usize]
    }

    fn log_of(epochs: std::ops::RangeInclusive<u64>) -> FaultyDisk {
        let disk = FaultyDisk::new();
        let mut log = CertificateLog::create(&disk, &path(), &SUBNET).unwrap();
        for epoch in epochs {
            log.append(epoch, &bundle(epoch)).unwrap();
            log.sync().unwrap();
        }
        disk
    }

    fn open(disk: &FaultyDisk, durable: Option<u64>) -> Result<CertificateLog, OpenError> {
        CertificateLog::open(disk, &path(), &SUBNET, durable)
    }

    #[test]
    fn epochs_read_back_over_many_index_strides_and_a_reopen() {
        let disk = log_of(1..=100);
        let log = open(&disk, Some(100)).unwrap();
        assert_eq!((log.first(), log.last()), (Some(1), Some(100)));
        let reader = log.reader();
        for epoch in 1..=100 {
            assert_eq!(reader.read(epoch).unwrap().unwrap(), bundle(epoch));
        }
        assert!(reader.read(0).unwrap().is_none() && reader.read(101).unwrap().is_none());
        let from: Vec<u64> = reader.iter_from(97).map(|row| row.unwrap().0).collect();
        assert_eq!(from, [97, 98, 99, 100]);
        assert_eq!(reader.iter_from(0).count(), 100);
    }

    #[test]
    fn a_log_may_begin_at_any_epoch_but_has_no_gaps() {
        let disk = log_of(40..=60);
        let mut log = open(&disk, None).unwrap();
        assert_eq!(log.first(), Some(40));
        assert_eq!(log.reader().read(57).unwrap().unwrap(), bundle(57));
        let refused = log.append(62, b"").unwrap_err();
        assert!(matches!(refused, StoreError::OutOfOrder { expected: 61, .. }));
        let refused = log.append(60, b"").unwrap_err();
        assert!(matches!(refused, StoreError::OutOfOrder { expected: 61, .. }));
    }

    #[test]
    fn nothing_is_readable_before_its_sync() {
        let disk = log_of(1..=1);
        let mut log = open(&disk, None).unwrap();
        let reader = log.reader();
        log.append(2, &bundle(2)).unwrap();
        assert!(reader.read(2).unwrap().is_none());
        log.sync().unwrap();
        assert_eq!(reader.read(2).unwrap().unwrap(), bundle(2));
    }

    #[test]
    fn a_flip_of_any_bit_of_a_log_known_to_be_durable_is_damage() {
        let disk = log_of(1..=3);
        let size = disk.content(&path()).unwrap().len();
        for byte in 0..size {
            for bit in 0..8 {
                let copy = disk.copy();
                assert!(copy.flip(&path(), byte, 1 << bit));
                let refused = open(&copy, Some(3)).unwrap_err();
                assert!(matches!(refused, OpenError::Damaged { .. }), "byte {byte}: {refused}");
                let kept = copy.content(&path()).unwrap().len();
                assert_eq!(kept, size, "a damaged log must not be cut");
            }
        }
    }

    #[test]
    fn without_other_knowledge_a_flip_before_the_last_record_is_still_damage() {
        let disk = log_of(1..=3);
        let size = disk.content(&path()).unwrap().len();
        let last = size - RECORD_HEADER_BYTES - bundle(3).len();
        for byte in 0..last {
            let copy = disk.copy();
            assert!(copy.flip(&path(), byte, 4));
            let refused = open(&copy, None).unwrap_err();
            let damage = match refused {
                OpenError::Damaged { damage, .. } => damage,
                other => panic!("byte {byte}: {other}"),
            };
            let first = HEADER_BYTES + RECORD_HEADER_BYTES + bundle(1).len();
            let expected = match byte {
                _ if byte < HEADER_BYTES => Damage::Header,
                _ if byte < first => Damage::Record { epoch: 1, offset: HEADER_BYTES as u64 },
                _ => Damage::Record { epoch: 2, offset: first as u64 },
            };
            assert_eq!(damage, expected, "byte {byte}");
        }
        for byte in last..size {
            let copy = disk.copy();
            assert!(copy.flip(&path(), byte, 4));
            assert_eq!(open(&copy, None).unwrap().last(), Some(2), "byte {byte}");
        }
    }

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on() {
        let whole = log_of(1..=2).content(&path()).unwrap();
        let longer = log_of(1..=3).content(&path()).unwrap();
        for kept in whole.len()..longer.len() {
            let torn = FaultyDisk::new();
            torn.plant(&path(), &longer[..kept]);
            let mut log = open(&torn, Some(2)).unwrap();
            assert_eq!(log.last(), Some(2));
            assert_eq!(torn.content(&path()).unwrap().len(), whole.len());
            log.append(3, b"again").unwrap();
            log.sync().unwrap();
            torn.crash(Crash::LoseAll);
            let log = open(&torn, Some(3)).unwrap();
            assert_eq!(log.reader().read(3).unwrap().unwrap(), b"again");
        }
    }

    #[test]
    fn a_record_copied_into_a_payload_does_not_pass_for_a_later_record() {
        let donor = log_of(1..=5).content(&path()).unwrap();
        let disk = log_of(1..=1);
        let mut log = open(&disk, None).unwrap();
        log.append(2, &donor[HEADER_BYTES..]).unwrap();
        log.sync().unwrap();
        drop(log);
        let size = disk.content(&path()).unwrap();
        let second = HEADER_BYTES + RECORD_HEADER_BYTES + bundle(1).len();
        assert!(disk.flip(&path(), second + 5, 1), "{} bytes", size.len());
        assert_eq!(open(&disk, Some(1)).unwrap().last(), Some(1));
    }

    #[test]
    fn damage_found_when_reading_names_the_epoch() {
        let disk = log_of(1..=20);
        let log = open(&disk, None).unwrap();
        let first = HEADER_BYTES + RECORD_HEADER_BYTES;
        assert!(disk.flip(&path(), first, 1));
        let refused = log.reader().read(1).unwrap_err();
        assert!(matches!(
            refused,
            StoreError::Damaged { damage: Damage::Record { epoch: 1, offset: 80 }, .. }
        ));
        assert!(log.reader().read(2).is_ok(), "other epochs stay readable");
    }

    #[test]
    fn another_subnet_and_a_newer_format_are_named_as_such() {
        let disk = log_of(1..=1);
        let refused = CertificateLog::open(&disk, &path(), &[8; 32], None).unwrap_err();
        assert!(matches!(refused, OpenError::OtherSubnet { .. }));
        let mut content = disk.content(&path()).unwrap();
        content[11] = 2;
        let digest = hash(HEADER_CONTEXT, &[&content[..48]]);
        content[48..80].copy_from_slice(&digest);
        disk.plant(&path(), &content);
        let refused = open(&disk, None).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 2, known: 1, .. }));
    }

    #[test]
    fn a_bundle_over_the_bound_is_refused_and_one_at_it_kept() {
        let disk = FaultyDisk::new();
        let mut log = CertificateLog::create(&disk, &path(), &SUBNET).unwrap();
        let refused = log.append(1, &vec![0; BUNDLE_BYTES_MAX + 1]).unwrap_err();
        assert!(matches!(refused, StoreError::TooLarge { .. }));
        log.append(1, &vec![1; BUNDLE_BYTES_MAX]).unwrap();
        log.sync().unwrap();
        assert_eq!(open(&disk, Some(1)).unwrap().last(), Some(1));
    }
}

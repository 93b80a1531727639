//! Every certified epoch, from which everything else can be rebuilt.
//!
//! ```text
//!  certificates-00000000.log   certificates-00000001.log   …       one segment per 64 epochs; the last one grows
//!   ├ header 152 B │ record │ record …   link ──► the hash that the segment before ended with
//!
//!  record: magic 4 │ length u32 │ epoch u64 │ prev 32 │ digest 32 │ hash 32 │ payload
//!                                                │          │          └ of the 80 bytes before, this file's header
//!                                                │          │            and the record's offset
//!                                                │          └ blake3 of the payload
//!                                                └ hash of the record before; of the file's header for the first
//! ```
//! Epochs have no gaps. The chain of headers is checked at every open, payloads near the end too, and every payload again
//! when it is read. Opening needs to be told which epoch is known to have been durable: then a lost last record is damage
//! and not a torn tail.
//!
//! Items go, cuts and certificates stay: see [`Compactor`].

mod compact;
mod salvage;
mod segment;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

pub use compact::{Compacted, Compactor};
pub(crate) use salvage::{rewrite, salvage};

use ganglion_types::planted::{self, Bug};

use self::segment::{
    HEADER_BYTES, SegmentFile, SegmentHeader, Walked, encode_record, ordinals, path_of,
};
use crate::{
    disk::Disk,
    error::{Damage, OpenError, Part, StoreError},
    lock::DirectoryLock,
};

/// Newest format that this release reads, and the one it writes.
pub const FORMAT: u32 = 2;
/// Bytes of one record's payload.
pub const BUNDLE_BYTES_MAX: usize = 8 << 20;
/// Payloads this near to the end of the log are checked at open; those before it when they are read.
pub const VERIFIED_BYTES: u64 = 256 << 20;
/// A segment ends with an epoch that is a multiple of this.
pub const SEGMENT_EPOCHS: u64 = 64;

/// What the log holds of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    /// An encoded `EpochBundle`: it can be executed.
    Whole(Vec<u8>),
    /// An encoded `CertifiedCut`: the items are not here.
    Cut(Vec<u8>),
}

impl Logged {
    /// The encoded bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) | Self::Cut(bytes) => bytes,
        }
    }
}

/// The open log, for its one writer.
#[derive(Debug)]
pub struct CertificateLog {
    shared: Arc<Shared>,
    active: SegmentFile,
    last_hash: [u8; 32],
    end: u64,
    pending: Vec<(u64, bool)>,
}

/// Reads certified epochs from any thread; sees only what is durable.
#[derive(Clone, Debug)]
pub struct CertificateReader(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    subnet: [u8; 32],
    segment_epochs: u64,
    /// By ordinal; only the last may be empty.
    segments: RwLock<Vec<Segment>>,
    /// Held by whoever removes items.
    compacting: Mutex<()>,
}

/// Which epochs a file of the log holds, durably.
#[derive(Clone, Copy, Debug)]
struct Segment {
    ordinal: u64,
    range: Option<(u64, u64)>,
    /// The last epoch in it whose items are not here.
    last_cut: Option<u64>,
}

impl Segment {
    fn push(&mut self, epoch: u64, whole: bool) {
        let first = self.range.map_or(epoch, |(first, _)| first);
        self.range = Some((first, epoch));
        if !whole {
            self.last_cut = Some(epoch);
        }
    }
}

impl Shared {
    fn segments(&self) -> Vec<Segment> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Segment>)) {
        change(&mut self.segments.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn range(&self) -> Option<(u64, u64)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let (first, _) = segments.first()?.range?;
        let (_, last) = segments.iter().rev().find_map(|segment| segment.range)?;
        Some((first, last))
    }

    /// The first epoch from which on every record is whole.
    fn whole_from(&self) -> Option<u64> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let first = segments.first()?.range?.0;
        let last_cut = segments.iter().rev().find_map(|segment| segment.last_cut);
        Some(last_cut.map_or(first, |cut| cut.saturating_add(1)))
    }

    /// The segment with an epoch, and its first epoch.
    fn segment_of(&self, epoch: u64) -> Option<(u64, u64)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments
            .partition_point(|segment| segment.range.is_some_and(|(first, _)| first <= epoch));
        let segment = segments.get(after.checked_sub(1)?)?;
        let (first, last) = segment.range?;
        (epoch <= last).then_some((segment.ordinal, first))
    }

    fn open(&self, ordinal: u64) -> Result<SegmentFile, StoreError> {
        let part = Part::CertificateLog;
        let path = path_of(&self.dir, ordinal);
        let file = self.disk.open_to_read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Damaged { part, damage: Damage::Missing },
            _ => StoreError::Io { path, source },
        })?;
        SegmentFile::of(file, &self.dir, &self.subnet, ordinal).map_err(|error| match error {
            OpenError::Io { path, source } => StoreError::Io { path, source },
            OpenError::Damaged { damage, .. } => StoreError::Damaged { part, damage },
            _ => StoreError::Damaged { part, damage: Damage::Header },
        })
    }

    fn read(&self, epoch: u64) -> Result<Option<Logged>, StoreError> {
        let Some((ordinal, first)) = self.segment_of(epoch) else { return Ok(None) };
        // Opened for each read: the file may have been replaced by one without items, and there may be more files than handles.
        let file = self.open(ordinal)?;
        let path = path_of(&self.dir, ordinal);
        let mut offset = HEADER_BYTES as u64;
        let mut at = first;
        loop {
            let header = file.record_at(offset).map_err(StoreError::io(&path))?;
            let header = header.filter(|header| header.epoch == at);
            let header = header.ok_or_else(|| lost(at, offset))?;
            if at == epoch {
                let payload = file.payload(offset, &header).map_err(StoreError::io(&path))?;
                return payload.ok_or_else(|| lost(at, offset)).map(Some);
            }
            offset = header.next_offset(offset);
            at = at.saturating_add(1);
        }
    }
}

fn lost(epoch: u64, offset: u64) -> StoreError {
    let damage = Damage::Record { epoch, offset };
    StoreError::Damaged { part: Part::CertificateLog, damage }
}

/// A log as it was found, before its tail is judged.
struct Found {
    segments: Vec<Segment>,
    last: SegmentFile,
    walked: Walked,
}

impl CertificateLog {
    /// Creates an empty log, or replaces one that holds nothing; it is there with a whole header or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(disk: &Arc<dyn Disk>, dir: &Path, subnet: &[u8; 32]) -> io::Result<Self> {
        let header = SegmentHeader { ordinal: 0, link: [0; 32], end: [0; 32] };
        let active = SegmentFile::create(disk.as_ref(), dir, subnet, header)?;
        let segments = vec![Segment { ordinal: 0, range: None, last_cut: None }];
        Ok(Self::with(disk, dir, subnet, SEGMENT_EPOCHS, segments, active))
    }

    fn with(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        subnet: &[u8; 32],
        segment_epochs: u64,
        segments: Vec<Segment>,
        active: SegmentFile,
    ) -> Self {
        let shared = Shared {
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            subnet: *subnet,
            segment_epochs,
            segments: RwLock::new(segments),
            compacting: Mutex::new(()),
        };
        Self {
            shared: Arc::new(shared),
            last_hash: active.header_hash,
            end: HEADER_BYTES as u64,
            active,
            pending: Vec::new(),
        }
    }

    /// Opens the log, checks it and cuts a torn tail.
    ///
    /// `durable` is the last epoch that something else shows to have been in the log (the applied epoch, the watermark). A log that
    /// ends before it is damaged, whatever its tail looks like. New segments end with an epoch that is a multiple of
    /// `segment_epochs`; those that are there may be of any length.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] with the first epoch that is lost, and nothing is cut; [`OpenError::OtherSubnet`];
    /// [`OpenError::Newer`]; what the disk says.
    pub fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        subnet: &[u8; 32],
        segment_epochs: u64,
        durable: Option<u64>,
    ) -> Result<Self, OpenError> {
        let Found { segments, last, walked } = scan(disk.as_ref(), dir, subnet)?;
        let end = last_of(&segments);
        settle_tail(dir, &last, &walked, end, durable)?;
        let mut log = Self::with(disk, dir, subnet, segment_epochs.max(1), segments, last);
        log.last_hash = walked.last_hash;
        log.end = walked.end;
        Ok(log)
    }

    /// Whether a directory holds a log.
    ///
    /// # Errors
    /// What the disk says.
    pub fn is_in(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
        Ok(!ordinals(disk, dir)?.is_empty())
    }

    /// Checks that the first file is of this subnet and format, and no more.
    ///
    /// # Errors
    /// As [`CertificateLog::open`].
    pub fn check_header(disk: &dyn Disk, dir: &Path, subnet: &[u8; 32]) -> Result<(), OpenError> {
        SegmentFile::open(disk, dir, subnet, 0).map(drop)
    }

    /// Appends the record of the next epoch; any epoch may come first. Not durable, and not readable, before
    /// [`CertificateLog::sync`].
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::OutOfOrder`], what the disk says.
    pub fn append(&mut self, epoch: u64, record: &Logged) -> Result<(), StoreError> {
        let (bytes, max) = (record.bytes().len(), BUNDLE_BYTES_MAX);
        if bytes > max {
            return Err(StoreError::TooLarge { what: "an epoch bundle", bytes, max });
        }
        let last = self.pending.last().map(|(epoch, _)| *epoch).or(self.last());
        if let Some(last) = last.filter(|last| epoch != last + 1) {
            return Err(StoreError::OutOfOrder { epoch, expected: last + 1 });
        }
        let full = last.is_some_and(|last| last.is_multiple_of(self.shared.segment_epochs));
        if full && self.end > HEADER_BYTES as u64 {
            self.begin_segment()?;
        }
        let (bytes, hash) =
            encode_record(&self.active.header_hash, self.end, &self.last_hash, epoch, record);
        let path = path_of(&self.shared.dir, self.active.header.ordinal);
        self.active.file.write_at(self.end, &bytes).map_err(StoreError::io(&path))?;
        self.pending.push((epoch, matches!(record, Logged::Whole(_))));
        self.last_hash = hash;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), StoreError> {
        // The file before must be whole as soon as there is one behind it.
        self.sync()?;
        let ordinal = self.active.header.ordinal + 1;
        let Shared { disk, dir, subnet, .. } = self.shared.as_ref();
        let header = SegmentHeader { ordinal, link: self.last_hash, end: [0; 32] };
        let active = SegmentFile::create(disk.as_ref(), dir, subnet, header)
            .map_err(StoreError::io(&path_of(dir, ordinal)))?;
        self.shared.change(|segments| {
            segments.push(Segment { ordinal, range: None, last_cut: None });
        });
        self.last_hash = active.header_hash;
        self.end = HEADER_BYTES as u64;
        self.active = active;
        Ok(())
    }

    /// Makes what was appended durable and readable.
    ///
    /// # Errors
    /// What the disk says; the node must then sign nothing more.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let path = path_of(&self.shared.dir, self.active.header.ordinal);
        if !planted::is(Bug::CertificateNotSynced) {
            self.active.file.sync_data().map_err(StoreError::io(&path))?;
        }
        let pending = std::mem::take(&mut self.pending);
        self.shared.change(|segments| {
            if let Some(segment) = segments.last_mut() {
                pending.iter().for_each(|(epoch, whole)| segment.push(*epoch, *whole));
            }
        });
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

    /// What removes items of old epochs; it keeps `lock`.
    pub(crate) fn compactor(&self, lock: Option<Arc<DirectoryLock>>) -> Compactor {
        Compactor { shared: Arc::clone(&self.shared), _lock: lock }
    }

    /// A handle for other threads.
    #[must_use]
    pub fn reader(&self) -> CertificateReader {
        CertificateReader(Arc::clone(&self.shared))
    }
}

fn last_of(segments: &[Segment]) -> Option<u64> {
    segments.iter().rev().find_map(|segment| segment.range).map(|(_, last)| last)
}

/// Walks through all segments. Only the last may end with something that does not hold.
fn scan(disk: &dyn Disk, dir: &Path, subnet: &[u8; 32]) -> Result<Found, OpenError> {
    let damaged = |damage| OpenError::damaged(dir, Part::CertificateLog, damage);
    let numbers = ordinals(disk, dir).map_err(OpenError::io(dir))?;
    let mut files = Vec::with_capacity(numbers.len().min(1 << 16));
    for (expected, ordinal) in (0..).zip(&numbers) {
        // A file between two others is gone.
        if *ordinal != expected {
            return Err(damaged(Damage::Missing));
        }
        let file = SegmentFile::open(disk, dir, subnet, expected)?;
        let size = file.file.size().map_err(OpenError::io(&path_of(dir, expected)))?;
        // One handle at a time: there may be more segments than a process may have files.
        files.push(size);
    }
    let total: u64 = files.iter().sum();
    let (mut segments, mut found) = (Vec::with_capacity(files.len()), None);
    let (mut before, mut link) = (0, [0; 32]);
    for (ordinal, size) in (0..).zip(&files) {
        let file = SegmentFile::open(disk, dir, subnet, ordinal)?;
        if file.header.link != link {
            return Err(damaged(Damage::Header));
        }
        // How much of this file is within the last bytes of the whole log.
        let behind = total.saturating_sub(before).saturating_sub(*size);
        let walked = file
            .walk(VERIFIED_BYTES.saturating_sub(behind), |_, _| Ok(()))
            .map_err(OpenError::io(&path_of(dir, ordinal)))?;
        let last = last_of(&segments);
        let follows = match (walked.range, last) {
            (Some((first, _)), Some(last)) => first == last.saturating_add(1),
            _ => true,
        };
        let is_last = ordinal.saturating_add(1) == files.len() as u64;
        if !follows || (!is_last && (walked.end != walked.size || walked.range.is_none())) {
            let lost = if follows { walked.range.map(|(_, last)| last).or(last) } else { last };
            let offset = if follows { walked.end } else { HEADER_BYTES as u64 };
            let epoch = lost.map_or(1, |last| last.saturating_add(1));
            return Err(damaged(Damage::Record { epoch, offset }));
        }
        segments.push(Segment { ordinal, range: walked.range, last_cut: walked.last_cut });
        before += size;
        link = file.first_end(&walked);
        found = Some((file, walked));
    }
    let (last, walked) = found.ok_or_else(|| damaged(Damage::Missing))?;
    Ok(Found { segments, last, walked })
}

/// Decides whether what lies behind the last good record is a torn tail or damage.
fn settle_tail(
    dir: &Path,
    last: &SegmentFile,
    walked: &Walked,
    end: Option<u64>,
    durable: Option<u64>,
) -> Result<(), OpenError> {
    let path = path_of(dir, last.header.ordinal);
    let lost = end.map_or(1, |end| end + 1);
    let damage = Damage::Record { epoch: lost, offset: walked.end };
    let damaged = || OpenError::damaged(dir, Part::CertificateLog, damage);
    if durable.is_some_and(|durable| durable > 0 && end.is_none_or(|end| end < durable)) {
        return Err(damaged());
    }
    let tail = walked.size.saturating_sub(walked.end);
    if tail == 0 {
        return Ok(());
    }
    if last.record_follows(walked.end + 1, lost).map_err(OpenError::io(&path))? {
        return Err(damaged());
    }
    last.file.truncate(walked.end).map_err(OpenError::io(&path))?;
    last.file.sync_data().map_err(OpenError::io(&path))?;
    tracing::warn!(bytes = tail, "cut a torn tail of the certificate log");
    Ok(())
}

impl CertificateReader {
    /// What the log holds of `epoch`; `None` if it does not hold that epoch.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] naming the epoch and its place if it does not hold; what the disk says.
    pub fn read(&self, epoch: u64) -> Result<Option<Logged>, StoreError> {
        self.0.read(epoch)
    }

    /// First and last durable epoch.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        self.0.range()
    }

    /// The first epoch from which on all records have their items; one after the last if none has. `None` for an empty log.
    #[must_use]
    pub fn whole_from(&self) -> Option<u64> {
        self.0.whole_from()
    }
}

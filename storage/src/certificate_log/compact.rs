//! Removing items from the certificate log, while it is read and written.
//!
//! ```text
//!  certificates-7.log ── records without items ──► certificates-7.new ─ sync ─ read back ─ rename ─ sync of the directory
//! ```
//! One segment at a time, and never the last. Whichever file a power loss leaves under the name is a whole one, so nothing else
//! has to be durable and no failure here says anything about what was written elsewhere.

use std::{io, path::Path, sync::Arc};

use super::{
    BUNDLE_BYTES_MAX, Logged, Segment, Shared, lost,
    segment::{SegmentFile, SegmentHeader, Walked, encode_record, path_of, write_whole},
};
use crate::{error::StoreError, lock::DirectoryLock};

/// Removes items of old epochs from the log; for any thread, one at a time.
#[derive(Clone, Debug)]
pub struct Compactor {
    pub(super) shared: Arc<Shared>,
    pub(super) _lock: Option<Arc<DirectoryLock>>,
}

/// One segment whose items are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// First and last epoch in it.
    pub epochs: (u64, u64),
    /// Bytes of the file before.
    pub before: u64,
    /// Bytes of the file now.
    pub after: u64,
}

impl Compactor {
    /// Rewrites the first segment that still has items and ends with epoch `through` or earlier; `None` if there is none,
    /// or another thread is at it. `cut_of` makes the record without items from epoch and bundle; `None` from it leaves the
    /// segment as it is.
    ///
    /// The caller has a durable state of an epoch from `through` on: without it the tables could never be made again.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a segment that does not hold, which is left as it is; what the disk says. Neither
    /// closes the store for writing: the log is as sound as before.
    pub fn compact(
        &self,
        through: u64,
        cut_of: impl FnMut(u64, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<Option<Compacted>, StoreError> {
        let Ok(_alone) = self.shared.compacting.try_lock() else { return Ok(None) };
        let segments = self.shared.segments();
        // The last segment is being written to.
        let closed = segments.split_last().map_or(&[][..], |(_, closed)| closed);
        let due = closed.iter().find_map(|segment| {
            let (first, last) = segment.range?;
            (last <= through && segment.last_cut != Some(last)).then_some((*segment, first, last))
        });
        let Some((segment, first, last)) = due else { return Ok(None) };
        let Some((before, after)) = self.rewrite(segment, cut_of)? else { return Ok(None) };
        self.shared.change(|segments| {
            if let Some(found) = segments.iter_mut().find(|one| one.ordinal == segment.ordinal) {
                found.last_cut = Some(last);
            }
        });
        let Shared { disk, dir, .. } = self.shared.as_ref();
        disk.sync_dir(dir).map_err(StoreError::io(dir))?;
        Ok(Some(Compacted { epochs: (first, last), before, after }))
    }

    fn rewrite(
        &self,
        segment: Segment,
        mut cut_of: impl FnMut(u64, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let Shared { disk, dir, subnet, .. } = self.shared.as_ref();
        let (ordinal, path) = (segment.ordinal, path_of(dir, segment.ordinal));
        let file = self.shared.open(ordinal)?;
        let (records, walked) = records(&file, &path)?;
        if walked.range != segment.range || walked.end != walked.size {
            let epoch = walked.range.map_or(0, |(_, last)| last.saturating_add(1));
            return Err(lost(epoch, walked.end));
        }
        let header = SegmentHeader { end: file.first_end(&walked), ..file.header };
        let (mut bytes, header_hash) = header.encode(subnet);
        let mut prev = header_hash;
        for (epoch, record) in records {
            let cut = match record {
                Logged::Cut(cut) => cut,
                Logged::Whole(bundle) => match cut_of(epoch, &bundle) {
                    Some(cut) if cut.len() <= BUNDLE_BYTES_MAX => cut,
                    _ => return Ok(None),
                },
            };
            let offset = bytes.len() as u64;
            let (record, hash) =
                encode_record(&header_hash, offset, &prev, epoch, &Logged::Cut(cut));
            bytes.extend_from_slice(&record);
            prev = hash;
        }
        let after = bytes.len() as u64;
        let expected = Walked { last_cut: walked.range.map(|(_, last)| last), ..walked };
        write_whole(disk.as_ref(), &path, &bytes, |file| {
            let written = SegmentFile::of(Arc::clone(file), dir, subnet, ordinal);
            let written = written.map_err(io::Error::other)?.walk(u64::MAX, |_, _| Ok(()))?;
            let whole = written.range == expected.range
                && written.last_cut == expected.last_cut
                && written.end == after;
            whole.then_some(()).ok_or_else(|| io::Error::other("it reads back as something else"))
        })
        .map_err(StoreError::io(&path))?;
        Ok(Some((walked.size, after)))
    }
}

/// All records of a segment, and what the walk through it found.
fn records(file: &SegmentFile, path: &Path) -> Result<(Vec<(u64, Logged)>, Walked), StoreError> {
    let mut places = Vec::new();
    let walked = file
        .walk(0, |offset, header| {
            places.push((offset, *header));
            Ok(())
        })
        .map_err(StoreError::io(path))?;
    let mut records = Vec::with_capacity(places.len());
    for (offset, header) in places {
        let record = file.payload(offset, &header).map_err(StoreError::io(path))?;
        records.push((header.epoch, record.ok_or_else(|| lost(header.epoch, offset))?));
    }
    Ok((records, walked))
}

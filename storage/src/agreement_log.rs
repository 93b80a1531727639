//! What this node has said at one height: votes, locks, its own list.
//!
//! One file per epoch, `agreement-<epoch, 20 digits>.log`, of numbered opaque records. A record is written and synced, then
//! the [watermark](crate::watermark) that names it, then the message goes out. So a file that holds the record which the
//! watermark names is *whole*, and what lies torn behind it never left this node and is cut. A file that does not is not
//! whole, and the node stays mute at that height.

use std::{
    io,
    path::{Path, PathBuf},
};

use ganglion_types::planted::{self, Bug};

use crate::{
    disk::{Disk, parent, remove_if_there},
    error::{OpenError, Part, StoreError},
    frame::{Frame, FrameFile, Identity, Opened as OpenedFrames},
};

const MAGIC: &[u8; 8] = b"GNGLAGRE";
/// Bytes of one record. An own list with its body is the largest.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Bytes of the file of one epoch, hence of what [`AgreementLog::open`] holds in memory.
pub const LOG_BYTES_MAX: u64 = 64 << 20;

/// One record as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number within the epoch, from 1.
    pub sequence: u64,
    /// Kind, numbered by the caller.
    pub kind: u8,
    /// The record.
    pub bytes: Vec<u8>,
}

impl From<Frame> for Entry {
    fn from(frame: Frame) -> Self {
        Self { sequence: frame.sequence, kind: frame.kind, bytes: frame.payload }
    }
}

/// What [`AgreementLog::open`] found.
#[derive(Debug)]
pub enum Opened {
    /// Everything the watermark covers is there, perhaps more; a torn tail has been cut.
    Whole(AgreementLog, Vec<Entry>),
    /// Missing, damaged, or short of the record that the watermark names.
    NotWhole,
}

/// The open log of one epoch.
#[derive(Debug)]
pub struct AgreementLog {
    frames: FrameFile,
    epoch: u64,
    path: PathBuf,
}

fn path_of(dir: &Path, epoch: u64) -> PathBuf {
    dir.join(format!("agreement-{epoch:020}.log"))
}

fn identity_of(subnet: &[u8; 32], epoch: u64) -> [u8; 40] {
    let mut of = [0; 40];
    for (place, byte) in of.iter_mut().zip(subnet.iter().copied().chain(epoch.to_be_bytes())) {
        *place = byte;
    }
    of
}

fn identity(of: &[u8; 40]) -> Identity<'_> {
    Identity { magic: MAGIC, of, frame_bytes_max: RECORD_BYTES_MAX }
}

/// Epochs that have a log in `dir`, rising.
pub(crate) fn epochs(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let epoch = |path: PathBuf| {
        let digits =
            path.file_name()?.to_str()?.strip_prefix("agreement-")?.strip_suffix(".log")?;
        digits.parse::<u64>().ok()
    };
    let mut found: Vec<u64> = disk.list(dir)?.into_iter().filter_map(epoch).collect();
    found.sort_unstable();
    Ok(found)
}

impl AgreementLog {
    /// Starts the empty log of `epoch`, durably, replacing one of that name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn reset(
        disk: &dyn Disk,
        dir: &Path,
        subnet: &[u8; 32],
        epoch: u64,
    ) -> Result<Self, StoreError> {
        let path = path_of(dir, epoch);
        let of = identity_of(subnet, epoch);
        let frames =
            FrameFile::create(disk, &path, identity(&of)).map_err(StoreError::io(&path))?;
        Ok(Self { frames, epoch, path })
    }

    /// Opens the log of `epoch` and judges it by `last_record`, the number that the watermark names.
    ///
    /// # Errors
    /// [`OpenError::Newer`] and what the disk says; damage is not an error but [`Opened::NotWhole`].
    pub fn open(
        disk: &dyn Disk,
        dir: &Path,
        subnet: &[u8; 32],
        epoch: u64,
        last_record: u64,
    ) -> Result<Opened, OpenError> {
        let path = path_of(dir, epoch);
        let of = identity_of(subnet, epoch);
        let opened = FrameFile::open(disk, &path, identity(&of)).map_err(OpenError::io(&path))?;
        let (mut frames, entries) = match opened {
            OpenedFrames::Frames(frames, entries) if frames.sequence() >= last_record => {
                (frames, entries)
            }
            OpenedFrames::Newer(found) => {
                let known = crate::frame::FORMAT;
                return Err(OpenError::Newer { part: Part::AgreementLog, found, known });
            }
            OpenedFrames::Frames(..) | OpenedFrames::Missing | OpenedFrames::BadHeader => {
                return Ok(Opened::NotWhole);
            }
        };
        let cut = frames.cut_tail().map_err(OpenError::io(&path))?;
        if cut > 0 {
            tracing::warn!(
                epoch,
                bytes = cut,
                "cut a torn tail of the agreement log; it was never sent"
            );
        }
        let entries = entries.into_iter().map(Entry::from).collect();
        Ok(Opened::Whole(Self { frames, epoch, path }, entries))
    }

    /// Height of this log.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Number of the last record; 0 if there is none.
    #[must_use]
    pub fn last_record(&self) -> u64 {
        self.frames.sequence()
    }

    /// Appends a record and gives its number. Nothing may be sent on its strength before [`AgreementLog::sync`] and the
    /// watermark.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`RECORD_BYTES_MAX`] or if the file would pass [`LOG_BYTES_MAX`]; what the disk says.
    pub fn append(&mut self, kind: u8, bytes: &[u8]) -> Result<u64, StoreError> {
        let what = "an agreement record";
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(StoreError::TooLarge { what, bytes: bytes.len(), max: RECORD_BYTES_MAX });
        }
        let end = self.frames.end() + bytes.len() as u64;
        if end > LOG_BYTES_MAX {
            let max = usize::try_from(LOG_BYTES_MAX).unwrap_or(usize::MAX);
            let bytes = usize::try_from(end).unwrap_or(usize::MAX);
            return Err(StoreError::TooLarge { what: "the agreement log", bytes, max });
        }
        self.frames.append(kind, bytes).map_err(StoreError::io(&self.path))
    }

    /// Makes all records durable.
    ///
    /// # Errors
    /// What the disk says; the node must then sign nothing more.
    pub fn sync(&self) -> Result<(), StoreError> {
        if planted::is(Bug::RecordNotSynced) {
            return Ok(());
        }
        if planted::is(Bug::SyncTriedAgain) && self.frames.sync().is_err() {
            return self.frames.sync().map_err(StoreError::io(&self.path));
        }
        self.frames.sync().map_err(StoreError::io(&self.path))
    }

    /// Removes the logs of earlier epochs: those heights are decided.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_earlier(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        let dir = parent(&self.path);
        for epoch in epochs(disk, dir).map_err(StoreError::io(dir))? {
            if epoch < self.epoch {
                let path = path_of(dir, epoch);
                remove_if_there(disk, &path).map_err(StoreError::io(&path))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::{Crash, FaultyDisk};

    const SUBNET: [u8; 32] = [5; 32];

    fn dir() -> PathBuf {
        PathBuf::from("/d")
    }

    fn open(disk: &FaultyDisk, last_record: u64) -> Option<Vec<Entry>> {
        match AgreementLog::open(disk, &dir(), &SUBNET, 3, last_record).unwrap() {
            Opened::Whole(_, entries) => Some(entries),
            Opened::NotWhole => None,
        }
    }

    fn log_of(records: u64) -> FaultyDisk {
        let disk = FaultyDisk::new();
        let mut log = AgreementLog::reset(&disk, &dir(), &SUBNET, 3).unwrap();
        for record in 1..=records {
            let bytes = vec![record as u8; 10 * record as usize];
            assert_eq!(log.append(record as u8, &bytes).unwrap(), record);
        }
        log.sync().unwrap();
        disk
    }

    #[test]
    fn records_come_back_in_order_with_kind_and_number() {
        let entries = open(&log_of(3), 3).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.sequence, e.kind, e.bytes.len())).collect();
        assert_eq!(seen, [(1, 1, 10), (2, 2, 20), (3, 3, 30)]);
    }

    #[test]
    fn a_flip_at_any_byte_makes_the_log_not_whole_or_loses_only_what_no_watermark_names() {
        let disk = log_of(3);
        let path = path_of(&dir(), 3);
        let size = disk.content(&path).unwrap().len();
        for byte in 0..size {
            let copy = disk.copy();
            assert!(copy.flip(&path, byte, 1));
            assert!(open(&copy, 3).is_none(), "byte {byte} went unseen");
            if let Some(entries) = open(&copy, 1) {
                assert!(entries.iter().all(|e| e.bytes == vec![e.kind; 10 * e.sequence as usize]));
            }
        }
    }

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_and_writing_goes_on_behind_it() {
        let disk = log_of(2);
        let path = path_of(&dir(), 3);
        let whole = disk.content(&path).unwrap();
        let longer = log_of(3).content(&path).unwrap();
        for kept in whole.len()..longer.len() {
            let torn = FaultyDisk::new();
            torn.plant(&path, &longer[..kept]);
            let Opened::Whole(mut log, entries) =
                AgreementLog::open(&torn, &dir(), &SUBNET, 3, 2).unwrap()
            else {
                panic!("not whole with {kept} bytes");
            };
            assert_eq!(entries.len(), 2);
            assert_eq!(torn.content(&path).unwrap(), whole);
            assert_eq!(log.append(9, b"new").unwrap(), 3);
            log.sync().unwrap();
            drop(log);
            torn.crash(Crash::LoseAll);
            assert_eq!(open(&torn, 3).unwrap().last().unwrap().bytes, b"new");
        }
    }

    #[test]
    fn a_log_short_of_the_named_record_of_another_epoch_or_subnet_is_not_whole() {
        let disk = log_of(2);
        assert!(open(&disk, 3).is_none());
        let other = AgreementLog::open(&disk, &dir(), &[6; 32], 3, 0).unwrap();
        assert!(matches!(other, Opened::NotWhole));
        let moved = FaultyDisk::new();
        moved.plant(&path_of(&dir(), 4), &disk.content(&path_of(&dir(), 3)).unwrap());
        let other = AgreementLog::open(&moved, &dir(), &SUBNET, 4, 0).unwrap();
        assert!(matches!(other, Opened::NotWhole));
        assert!(open(&FaultyDisk::new(), 0).is_none(), "a missing file is not whole");
    }

    #[test]
    fn a_record_over_the_bound_is_refused_and_nothing_is_written() {
        let disk = log_of(0);
        let Opened::Whole(mut log, _) = AgreementLog::open(&disk, &dir(), &SUBNET, 3, 0).unwrap()
        else {
            panic!("not whole")
        };
        let refused = log.append(1, &vec![0; RECORD_BYTES_MAX + 1]).unwrap_err();
        assert!(matches!(refused, StoreError::TooLarge { .. }));
        assert_eq!(log.append(1, b"x").unwrap(), 1);
        let chunk = vec![0; RECORD_BYTES_MAX];
        let mut refused = None;
        for _ in 0..20 {
            if let Err(error) = log.append(1, &chunk) {
                refused = Some(error);
                break;
            }
        }
        assert!(matches!(refused, Some(StoreError::TooLarge { .. })));
    }

    #[test]
    fn earlier_logs_go_and_the_present_one_stays() {
        let disk = FaultyDisk::new();
        for epoch in 1..4 {
            AgreementLog::reset(&disk, &dir(), &SUBNET, epoch).unwrap();
        }
        let log = AgreementLog::reset(&disk, &dir(), &SUBNET, 3).unwrap();
        log.remove_earlier(&disk).unwrap();
        assert_eq!(epochs(&disk, &dir()).unwrap(), [3]);
    }
}

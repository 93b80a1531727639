//! A backend in memory, durable on whatever [`Disk`] it is given.
//!
//! Rows live in a map; every batch is one frame of a journal that is replayed at open. With
//! [`FaultyDisk`](crate::faulty::FaultyDisk) underneath it crashes exactly as its disk does, which is what tests and the
//! simulator want. The journal only grows, so a node uses sled.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    backend::{Backend, BackendError, Operation, Row, decode_operations, encode_operations},
    disk::Disk,
    error::{Damage, OpenError, Part},
    frame::{FRAME_HEADER_BYTES, FrameFile, Identity, Opened},
};

const MAGIC: &[u8; 8] = b"GNGLJRNL";
const FRAME_BYTES_MAX: usize = 64 << 20;

/// The backend.
#[derive(Debug)]
pub struct MemoryBackend(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    journal: FrameFile,
}

fn identity() -> Identity<'static> {
    Identity { magic: MAGIC, of: &[], frame_bytes_max: FRAME_BYTES_MAX }
}

impl MemoryBackend {
    /// Opens the journal at `path`, or creates it; a torn tail is cut.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] if the header or a batch does not hold; what the disk says.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, OpenError> {
        let damaged = |damage| OpenError::damaged(crate::disk::parent(path), Part::State, damage);
        let opened = FrameFile::open(disk, path, identity()).map_err(OpenError::io(path))?;
        let (mut journal, frames) = match opened {
            Opened::Frames(journal, frames) => (journal, frames),
            Opened::Missing => {
                let created = FrameFile::create(disk, path, identity());
                (created.map_err(OpenError::io(path))?, Vec::new())
            }
            Opened::BadHeader => return Err(damaged(Damage::Header)),
            Opened::Newer(found) => {
                let known = crate::frame::FORMAT;
                return Err(OpenError::Newer { part: Part::State, found, known });
            }
        };
        journal.cut_tail().map_err(OpenError::io(path))?;
        let mut rows = BTreeMap::new();
        for frame in frames {
            let batch = decode_operations(&frame.payload).ok_or_else(|| damaged(Damage::Header))?;
            apply(&mut rows, &batch);
        }
        Ok(Self(Mutex::new(Inner { rows, journal })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &[Operation]) {
    for (key, value) in batch {
        match value {
            Some(value) => drop(rows.insert(key.clone(), value.clone())),
            None => drop(rows.remove(key)),
        }
    }
}

impl From<io::Error> for BackendError {
    fn from(error: io::Error) -> Self {
        Self { full: crate::disk::takes_no_writes(&error), reason: error.to_string() }
    }
}

impl Backend for MemoryBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.inner().rows.get(key).cloned())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Row>, BackendError> {
        if start >= end {
            return Ok(Vec::new());
        }
        let inner = self.inner();
        let rows = inner.rows.range(start.to_vec()..end.to_vec()).take(limit);
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, batch: &[Operation]) -> Result<(), BackendError> {
        let mut inner = self.inner();
        let bytes = encode_operations(batch);
        debug_assert!(bytes.len() + FRAME_HEADER_BYTES <= FRAME_BYTES_MAX);
        inner.journal.append(0, &bytes)?;
        apply(&mut inner.rows, batch);
        Ok(())
    }

    fn flush(&self) -> Result<(), BackendError> {
        Ok(self.inner().journal.sync()?)
    }
}

//! sled, kept at arm's length.
//!
//! What it needs from us (measured, see `docs/spec/storage.md`): its `flush` leaves the drive's cache alone, so the database
//! file is synced after it; its settings (`conf`) it writes once and never syncs, and refuses to open when they are torn, so
//! they are synced at every opening; on a damaged file it panics, mostly inside `open`, so every call is caught and opening runs on a
//! thread of its own; a stray `snap.*.generating` stops it from opening, so those go first; pages over 128 KiB leave the
//! database file for files that nothing syncs, so rows stay small (see [`crate::table`]).

use std::{
    any::Any,
    cell::Cell,
    fs, io,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

use crate::{
    backend::{Backend, BackendError, Operation, Row},
    disk::{EIO, takes_no_writes},
    error::{Damage, OpenError, Part},
};

const CACHE_BYTES: u64 = 64 << 20;
/// 2 GB reopen in about a second; a database that needs longer than this is stuck.
const OPEN_LIMIT: Duration = Duration::from_secs(300);
/// What is left to write when the last handle goes is a few segments of 512 KiB.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// The state database of one node.
#[derive(Debug)]
pub struct SledBackend {
    /// `None` only while dropping.
    db: Option<sled::Db>,
    file: fs::File,
    blobs: PathBuf,
}

impl SledBackend {
    /// Opens or creates the database in `dir`.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] for whatever makes sled refuse or panic, [`OpenError::Io`] for what the system refuses.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        remove_stray_snapshots(dir).map_err(OpenError::io(dir))?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .print_profile_on_drop(false);
        let (sender, receiver) = mpsc::sync_channel(1);
        // A thread of its own: a panic deep in sled may leave its thread-locals in any state.
        thread::Builder::new()
            .name("sled-open".to_owned())
            .spawn(move || drop(sender.send(guarded(|| config.open()))))
            .map_err(OpenError::io(dir))?;
        let damaged = |damage| OpenError::damaged(dir, Part::State, damage);
        let db = match receiver.recv_timeout(OPEN_LIMIT) {
            Ok(Ok(db)) => db,
            Ok(Err(Failure::Sled(sled::Error::Io(source)))) if is_systems_fault(&source) => {
                return Err(OpenError::Io { path: dir.to_owned(), source });
            }
            Ok(Err(failure)) if says_failing(failure.text()) => {
                return Err(OpenError::Io {
                    path: dir.to_owned(),
                    source: io::Error::from_raw_os_error(EIO),
                });
            }
            Ok(Err(failure)) => return Err(damaged(Damage::Database(failure.text()))),
            Err(_) => return Err(damaged(Damage::Stuck { seconds: OPEN_LIMIT.as_secs() })),
        };
        let path = dir.join("db");
        let file = fs::File::open(&path).map_err(OpenError::io(&path))?;
        let opened = Self { db: Some(db), file, blobs: dir.join("blobs") };
        sync_settings(dir).map_err(OpenError::io(dir))?;
        // The names of a new database must survive too.
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(OpenError::io(dir))?;
        Ok(opened)
    }

    fn call<T>(
        &self,
        call: impl FnOnce(&sled::Db) -> Result<T, sled::Error>,
    ) -> Result<T, BackendError> {
        let Some(db) = &self.db else {
            return Err(BackendError { reason: "the database is closed".to_owned(), full: false });
        };
        guarded(|| call(db)).map_err(BackendError::from)
    }

    /// Waits until nothing holds the database file any more.
    ///
    /// sled's pool threads may still finish a write or a truncation after its last handle is gone. They keep its lock, and
    /// whoever opened the directory at once would be refused.
    #[expect(
        clippy::disallowed_methods,
        reason = "the lock can only be polled; the wait is bounded"
    )]
    fn await_release(&self) {
        const PAUSE: Duration = Duration::from_millis(5);
        for _ in 0..CLOSE_LIMIT.as_millis() / PAUSE.as_millis() {
            match self.file.try_lock() {
                Err(fs::TryLockError::WouldBlock) => thread::sleep(PAUSE),
                // `file` goes next, and the lock with it.
                Ok(()) | Err(fs::TryLockError::Error(_)) => return,
            }
        }
        tracing::warn!("the state database was closed and its threads are still at work");
    }

    /// sled never syncs blob files. The row bound keeps it from making any; should it, they are synced here.
    fn sync_blobs(&self) -> io::Result<()> {
        let mut any = false;
        for entry in fs::read_dir(&self.blobs)? {
            fs::File::open(entry?.path())?.sync_data()?;
            any = true;
        }
        if any { fs::File::open(&self.blobs)?.sync_all() } else { Ok(()) }
    }
}

impl Drop for SledBackend {
    fn drop(&mut self) {
        // Closing flushes, which can panic like any other call.
        let db = self.db.take();
        if let Err(failure) = guarded(|| {
            drop(db);
            Ok(())
        }) {
            tracing::warn!(reason = failure.text(), "the state database did not close cleanly");
        }
        self.await_release();
    }
}

impl Backend for SledBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.call(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Row>, BackendError> {
        if start >= end {
            return Ok(Vec::new());
        }
        self.call(|db| {
            db.range(start..end)
                .take(limit)
                .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }

    fn apply(&self, batch: &[Operation]) -> Result<(), BackendError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(key.as_slice(), value.as_slice()),
                None => writes.remove(key.as_slice()),
            }
        }
        self.call(|db| db.apply_batch(writes))
    }

    fn flush(&self) -> Result<(), BackendError> {
        self.call(|db| db.flush().map(drop))?;
        self.file.sync_data().and_then(|()| self.sync_blobs()).map_err(|error| BackendError {
            full: takes_no_writes(&error),
            reason: error.to_string(),
        })
    }
}

/// An error of sled, or the message of a panic inside it.
enum Failure {
    Sled(sled::Error),
    Panic(String),
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Sled(error) => error.to_string(),
            Self::Panic(message) => format!("panic: {message}"),
        }
    }
}

impl From<Failure> for BackendError {
    fn from(failure: Failure) -> Self {
        let full = match &failure {
            Failure::Sled(sled::Error::Io(error)) => {
                takes_no_writes(error) || says_full(failure.text())
            }
            // sled passes an error on as the text of a panic.
            Failure::Panic(text) => says_full(text.clone()),
            Failure::Sled(_) => false,
        };
        Self { reason: failure.text(), full }
    }
}

/// Whether a text is that of a medium that takes no writes, by the numbers of the system: ENOSPC, EROFS, EDQUOT.
fn says_full(text: impl AsRef<str>) -> bool {
    let numbers = ["(os error 28)", "code: 28,", "(os error 30)", "code: 30,", "(os error 122)"];
    numbers.iter().any(|number| text.as_ref().contains(number))
}

/// Whether a text is that of a device that fails. What it holds may be whole: that is no reason to put tables aside.
pub(crate) fn says_failing(text: impl AsRef<str>) -> bool {
    ["(os error 5)", "code: 5,"].iter().any(|number| text.as_ref().contains(number))
}

/// Faults of the system or its set-up, not of the database's bytes.
fn is_systems_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{
        PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, WouldBlock,
    };
    // sled reports a lock it cannot take as `Other`, with these words.
    matches!(
        error.kind(),
        PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull | WouldBlock
    ) || error.to_string().contains("could not acquire lock")
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call into sled so that neither a panic nor its message gets past this module.
fn guarded<T>(call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, Failure> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let of_sled = GUARDED.get()
                || thread::current().name().is_some_and(|name| name.starts_with("sled-io"));
            if of_sled {
                tracing::debug!(%panic, "the state database panicked");
            } else {
                others(panic);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    match outcome {
        Ok(result) => result.map_err(Failure::Sled),
        Err(payload) => Err(Failure::Panic(message(payload.as_ref()))),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

/// Settings torn by a loss of power would keep a sound database from opening for good.
fn sync_settings(dir: &Path) -> io::Result<()> {
    match fs::File::open(dir.join("conf")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.sync_all(),
    }
}

/// A process killed while sled writes its snapshot leaves one of these, and sled then refuses to open.
fn remove_stray_snapshots(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(file = %path.display(), "removed a half-written snapshot");
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_a_call_becomes_an_error_with_its_text() {
        let words = String::from("page is gone");
        let failure = guarded::<()>(|| panic!("{words}")).err().map(|failure| failure.text());
        assert_eq!(failure.as_deref(), Some("panic: page is gone"));
        let failure = guarded::<()>(|| panic!("fixed")).err().map(|failure| failure.text());
        assert_eq!(failure.as_deref(), Some("panic: fixed"));
        assert_eq!(guarded(|| Ok(7)).ok(), Some(7));
    }

    #[test]
    fn what_a_failing_device_says_is_known_in_each_form() {
        let error = io::Error::from_raw_os_error(EIO);
        for failure in [
            Failure::Sled(sled::Error::Io(io::Error::from_raw_os_error(EIO))),
            Failure::Panic(format!("called `Result::unwrap()` on an `Err` value: {error:?}")),
        ] {
            assert!(says_failing(failure.text()), "{}", failure.text());
            assert!(!BackendError::from(failure).full);
        }
        assert!(!says_failing(io::Error::from_raw_os_error(28).to_string()));
    }

    #[test]
    fn a_half_written_snapshot_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["snap.00.generating", "snap.00", "db", "other.generating"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        remove_stray_snapshots(dir.path()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["db", "other.generating", "snap.00"]);
        remove_stray_snapshots(&dir.path().join("none")).unwrap();
    }
}

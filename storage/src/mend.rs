//! Putting damaged parts aside, so that a start can make them again. A copy of everything stays.
//!
//! ```text
//!  certificates-*.log ─ epochs before the damage ─► certificates.new/ ─┐ whole and synced
//!  certificates-*.log ─► certificates.corrupt-1/                       │
//!  certificates-*.log ◄────────────────────────────────────────────────┘
//! ```
//! Interrupted anywhere, a second run ends it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    certificate_log::{CertificateLog, rewrite, salvage},
    disk::{Disk, ReadOnlyDisk, RealDisk},
    error::{Damage, OpenError},
    lock::DirectoryLock,
    open::from_store,
    watermark::WatermarkFile,
};

const SAVED: &str = "certificates.new";
const BALLAST: &str = "ballast";
/// Room that is kept back: sled wants a few segments of 512 KiB to open.
pub const BALLAST_BYTES: u64 = 16 << 20;

/// A locked data directory whose parts can be put aside.
#[derive(Debug)]
pub struct Workshop {
    dir: PathBuf,
    subnet: [u8; 32],
    _lock: DirectoryLock,
}

/// What a certificate log is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// First and last epoch before any damage.
    pub whole: Option<(u64, u64)>,
    /// What the first thing wrong with it is. A torn tail is damage here: whoever asks knows of no later epoch.
    pub damage: Option<Damage>,
}

/// What [`Workshop::mend_log`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// First and last epoch kept.
    pub kept: Option<(u64, u64)>,
    /// Where the old files are; `None` if there were none.
    pub aside: Option<PathBuf>,
}

impl Workshop {
    /// Locks a data directory.
    ///
    /// # Errors
    /// [`OpenError::NotInitialised`] without one; [`OpenError::Locked`].
    pub fn open(dir: &Path, subnet: [u8; 32]) -> Result<Self, OpenError> {
        if !dir.is_dir() {
            return Err(OpenError::NotInitialised { dir: dir.to_owned() });
        }
        Ok(Self { dir: dir.to_owned(), subnet, _lock: DirectoryLock::acquire(dir)? })
    }

    /// Reads the certificate log, every payload, up to the first damage.
    ///
    /// # Errors
    /// What the system says.
    pub fn log_state(&self) -> Result<LogState, OpenError> {
        let mut whole = None;
        let damage = salvage(&ReadOnlyDisk, &self.dir, &self.subnet, |epoch, _| {
            whole = Some((whole.map_or(epoch, |(first, _)| first), epoch));
            Ok(())
        });
        let damage = damage.map_err(|error| from_store(&self.dir, error))?;
        Ok(LogState { whole, damage })
    }

    /// Puts a file or directory of the data directory aside, durably, under `<name>.corrupt-<n>` with the first number free.
    /// `None` if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_aside(&self, name: &str) -> Result<Option<PathBuf>, OpenError> {
        set_aside(&self.dir, name).map_err(OpenError::io(&self.dir.join(name)))
    }

    /// Replaces the certificate log by its epochs before the damage; `none` of them if it says so. The old files stay in
    /// a directory of their own.
    ///
    /// # Errors
    /// What the system says.
    pub fn mend_log(&self, none: bool) -> Result<Mended, OpenError> {
        let mut aside = None;
        let saved = self.dir.join(SAVED);
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let has_log = CertificateLog::is_in(disk.as_ref(), &self.dir);
        // Without a log, what an interrupted run saved is all there is.
        if has_log.map_err(OpenError::io(&self.dir))? || !saved.is_dir() {
            remove_dir(&saved).map_err(OpenError::io(&saved))?;
            disk.create_dir(&saved).map_err(OpenError::io(&saved))?;
            let from = if none { saved.as_path() } else { &self.dir };
            rewrite(&disk, from, &saved, &self.subnet)
                .map_err(|error| from_store(&self.dir, error))?;
            disk.sync_dir(&self.dir).map_err(OpenError::io(&self.dir))?;
            aside = self.put_log_aside().map_err(OpenError::io(&self.dir))?;
        }
        self.put_log_in_place(&saved).map_err(OpenError::io(&self.dir))?;
        Ok(Mended { kept: self.log_state()?.whole, aside })
    }

    fn log_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
        let is_log = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("certificates-") && name.ends_with(".log")
        };
        Ok(RealDisk.list(dir)?.into_iter().filter(is_log).collect())
    }

    fn put_log_aside(&self) -> io::Result<Option<PathBuf>> {
        let files = Self::log_files(&self.dir)?;
        if files.is_empty() {
            return Ok(None);
        }
        let aside = free_name(&self.dir, "certificates")?;
        fs::create_dir(&aside)?;
        // The last first: what is left of an interrupted move is a log that ends earlier.
        for path in files.iter().rev() {
            fs::rename(path, aside.join(path.file_name().unwrap_or_default()))?;
        }
        RealDisk.sync_dir(&aside)?;
        RealDisk.sync_dir(&self.dir)?;
        Ok(Some(aside))
    }

    fn put_log_in_place(&self, saved: &Path) -> io::Result<()> {
        // Rising: whatever is there of an interrupted move is the beginning of the log.
        for path in Self::log_files(saved)? {
            fs::rename(&path, self.dir.join(path.file_name().unwrap_or_default()))?;
        }
        RealDisk.sync_dir(&self.dir)?;
        remove_dir(saved)
    }

    /// Writes what may hang in the air after a failed write into new files: the watermark, the agreement logs and the last
    /// segment of the certificate log. The pages that a failed sync left may count as clean, so another sync of the same
    /// file would prove nothing; a new file's does.
    ///
    /// # Errors
    /// What the system says; whatever was done so far is sound.
    pub fn renew(&self) -> Result<(), OpenError> {
        for path in self.renewed().map_err(OpenError::io(&self.dir))? {
            renew(&path).map_err(OpenError::io(&path))?;
        }
        RealDisk.sync_dir(&self.dir).map_err(OpenError::io(&self.dir))
    }

    fn renewed(&self) -> io::Result<Vec<PathBuf>> {
        let is_agreement = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("agreement-") && name.ends_with(".log")
        };
        let mut paths: Vec<PathBuf> =
            RealDisk.list(&self.dir)?.into_iter().filter(is_agreement).collect();
        paths.extend(Self::log_files(&self.dir)?.pop());
        let watermark = self.dir.join("watermark");
        paths.extend(watermark.try_exists()?.then_some(watermark));
        Ok(paths)
    }

    /// Writes and syncs a file as large as what [`Workshop::renew`] writes and 8 MiB more, and the ballast if it is
    /// not there, and removes it: whether there is room to go on. Needs no lock.
    ///
    /// # Errors
    /// What the system says: there is no room, or the medium is read-only.
    pub fn probe(dir: &Path) -> io::Result<()> {
        const ROOM: u64 = 8 << 20;
        let names = RealDisk.list(dir)?;
        let log = Self::log_files(dir)?.pop();
        let agreement = names.iter().filter(|path| path.to_string_lossy().contains("agreement-"));
        // Room that was given back to read on is not room to go on.
        let ballast = if dir.join(BALLAST).try_exists()? { 0 } else { BALLAST_BYTES };
        let mut bytes = ROOM.saturating_add(ballast);
        for path in agreement.chain(&log) {
            bytes = bytes.saturating_add(fs::metadata(path)?.len());
        }
        let path = dir.join("probe.new");
        let written = write_zeroes(&path, bytes);
        // Also of a failed one: it takes the room it found.
        let removed = fs::remove_file(&path);
        written.and(removed)
    }

    /// Takes [`BALLAST_BYTES`] of the disk, unless they are taken: what is given back when there is no room left, so that
    /// the store can still be opened to be read. Needs no lock.
    ///
    /// # Errors
    /// What the system says.
    pub fn take_ballast(dir: &Path) -> io::Result<()> {
        let path = dir.join(BALLAST);
        match fs::metadata(&path) {
            Ok(meta) if meta.len() == BALLAST_BYTES => Ok(()),
            _ => write_zeroes(&path, BALLAST_BYTES).inspect_err(|_| {
                // Half of it is of no use, and takes room.
                let _ = fs::remove_file(&path);
            }),
        }
    }

    /// Gives it back; whether it was there.
    ///
    /// # Errors
    /// What the system says, as that the medium is read-only.
    pub fn drop_ballast(dir: &Path) -> io::Result<bool> {
        match fs::remove_file(dir.join(BALLAST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Notes in the watermark that the certificate log may end before it, so that the log is taken as it is and the node stays
    /// mute through that epoch. Without effect if the watermark is gone, for then the node is mute anyway.
    ///
    /// # Errors
    /// What the system says.
    pub fn mark_ahead(&self) -> Result<(), OpenError> {
        let path = self.dir.join("watermark");
        if let Some((mut file, watermark)) = WatermarkFile::open(&RealDisk, &path)? {
            let next = crate::watermark::Watermark { ahead: true, ..watermark };
            file.write_both(&next).map_err(OpenError::io(&path))?;
        }
        Ok(())
    }
}

fn renew(path: &Path) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, fs::read(path)?)?;
    fs::File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, path)
}

fn write_zeroes(path: &Path, bytes: u64) -> io::Result<()> {
    use io::{Read as _, Write as _};
    let mut file = fs::File::create(path)?;
    io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
    file.flush()?;
    file.sync_all()
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn free_name(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let mut number = 1_u32;
    loop {
        let aside = dir.join(format!("{name}.corrupt-{number}"));
        if !aside.try_exists()? {
            return Ok(aside);
        }
        number = number.saturating_add(1);
    }
}

fn set_aside(dir: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    let path = dir.join(name);
    if !path.try_exists()? {
        return Ok(None);
    }
    let parent = crate::disk::parent(&path).to_owned();
    let aside = free_name(dir, name)?;
    fs::rename(&path, &aside)?;
    fs::File::open(parent)?.sync_all()?;
    fs::File::open(dir)?.sync_all()?;
    tracing::warn!(to = %aside.display(), "put a damaged part aside");
    Ok(Some(aside))
}

/// Moves a damaged state database aside, to `state.corrupt-1` or the first number free, and gives the new place.
///
/// The next open finds no state and reports every certified epoch as not yet applied.
///
/// # Errors
/// What the system says; [`io::ErrorKind::NotFound`] without one.
pub fn quarantine(dir: &Path) -> io::Result<PathBuf> {
    set_aside(dir, "state")?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{EpochCommit, Position, Standing, Store};

    const SUBNET: [u8; 32] = [7; 32];

    fn lived(dir: &Path, epochs: u64) {
        Store::init(dir, SUBNET).unwrap();
        let (mut store, _) = Store::open(dir, SUBNET).unwrap();
        store.commit_genesis(b"genesis".to_vec(), Vec::new()).unwrap();
        for epoch in 1..=epochs {
            store.begin_epoch(epoch).unwrap();
            store.record(0, b"vote").unwrap();
            store.persist(Position::default()).unwrap();
            let bundle = format!("bundle {epoch}").into_bytes();
            store.commit_epoch(EpochCommit { epoch, bundle, ..EpochCommit::default() }).unwrap();
        }
    }

    /// Changes a byte in the middle of a file of the log.
    fn damage(dir: &Path, file: &str) {
        let path = dir.join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }

    /// As the command does it.
    fn mend(dir: &Path) -> Option<(u64, u64)> {
        let workshop = Workshop::open(dir, SUBNET).unwrap();
        let kept = workshop.mend_log(false).unwrap().kept;
        workshop.set_aside("state").unwrap();
        workshop.mark_ahead().unwrap();
        kept
    }

    fn opens_after(dir: &Path, kept: Option<(u64, u64)>, mute: u64) {
        let (mut store, found) = Store::open(dir, SUBNET).unwrap();
        assert_eq!((found.certified, found.applied), (kept.map(|(_, last)| last), None));
        assert_eq!(found.standing, Standing::MuteThrough { epoch: mute });
        assert_eq!(found.watermark.unwrap().epoch, mute, "never lowered");
        store.commit_genesis(b"genesis".to_vec(), Vec::new()).unwrap();
        for epoch in 1..=kept.map_or(0, |(_, last)| last) {
            let bundle = store.reader().bundle(epoch).unwrap().unwrap();
            assert_eq!(bundle, format!("bundle {epoch}").into_bytes());
            store.commit_epoch(EpochCommit { epoch, bundle, ..EpochCommit::default() }).unwrap();
        }
    }

    #[test]
    fn a_log_torn_inside_keeps_the_epochs_before_and_a_copy_of_all() {
        for (file, least) in [("certificates-00000000.log", 1), ("certificates-00000001.log", 64)] {
            let dir = tempfile::tempdir().unwrap();
            lived(dir.path(), 130);
            damage(dir.path(), file);
            let damaged = fs::read(dir.path().join(file)).unwrap();
            let refused = Store::open(dir.path(), SUBNET).unwrap_err();
            assert!(!refused.is_rebuildable() && refused.to_string().contains("ganglion recover"));
            let kept = mend(dir.path());
            let (first, last) = kept.unwrap();
            assert!(first == 1 && (least..least + 64).contains(&last), "{kept:?}");
            let copy = dir.path().join("certificates.corrupt-1");
            assert_eq!(fs::read(copy.join(file)).unwrap(), damaged);
            assert_eq!(fs::read_dir(&copy).unwrap().count(), 3);
            opens_after(dir.path(), kept, 130);
        }
    }

    #[test]
    fn a_log_that_is_gone_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        lived(dir.path(), 3);
        fs::remove_file(dir.path().join("certificates-00000000.log")).unwrap();
        assert!(Store::open(dir.path(), SUBNET).is_err());
        assert_eq!(mend(dir.path()), None);
        opens_after(dir.path(), None, 3);
    }

    /// Interrupted after each rename, a second run finishes; what is saved is never less than what is still in place.
    #[test]
    fn an_interrupted_repair_is_finished_by_the_next() {
        let made = tempfile::tempdir().unwrap();
        lived(made.path(), 130);
        damage(made.path(), "certificates-00000002.log");
        let whole = mend_copy(made.path(), |_| ());
        assert_eq!(whole.map(|(first, _)| first), Some(1));
        // After the old files went aside, before the new ones are in place.
        let again = mend_copy(made.path(), |dir| {
            let workshop = Workshop::open(dir, SUBNET).unwrap();
            let saved = dir.join(SAVED);
            fs::create_dir(&saved).unwrap();
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            rewrite(&disk, dir, &saved, &SUBNET).unwrap();
            workshop.put_log_aside().unwrap();
        });
        assert_eq!(again, whole);
    }

    #[test]
    fn what_is_renewed_is_the_same_in_other_files() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        lived(dir.path(), 70);
        let names = ["watermark", "certificates-00000001.log"];
        let seen = |name: &str| {
            let path = dir.path().join(name);
            (fs::metadata(&path).unwrap().ino(), fs::read(path).unwrap())
        };
        let before = names.map(seen);
        Workshop::probe(dir.path()).unwrap();
        Workshop::open(dir.path(), SUBNET).unwrap().renew().unwrap();
        for (name, (inode, bytes)) in names.into_iter().zip(before) {
            let after = seen(name);
            assert!(after.0 != inode && after.1 == bytes, "{name}");
        }
        let (_, found) = Store::open(dir.path(), SUBNET).unwrap();
        assert!(matches!(found.standing, Standing::Whole { entries } if entries.len() == 1));
        assert!(!dir.path().join("probe.new").exists());
        Workshop::probe(&dir.path().join("none")).unwrap_err();
        for there in [true, false] {
            Workshop::take_ballast(dir.path()).unwrap();
            assert_eq!(fs::metadata(dir.path().join(BALLAST)).unwrap().len(), BALLAST_BYTES);
            if there {
                Workshop::take_ballast(dir.path()).unwrap();
            }
            assert!(Workshop::drop_ballast(dir.path()).unwrap());
            assert!(!Workshop::drop_ballast(dir.path()).unwrap());
        }
    }

    fn mend_copy(from: &Path, first: impl Fn(&Path)) -> Option<(u64, u64)> {
        let dir = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
            }
        }
        first(dir.path());
        mend(dir.path())
    }
}

//! A disk in memory that fails the way disks fail.
//!
//! ```text
//!  write ──► content ──► (un-synced changes, in order) ──sync_data──► durable
//!                              │ crash: a prefix survives, its last write possibly torn
//!                              └ failed sync: lost for good, though still readable
//! ```
//! The last line is what Linux does: after a failed `fsync` the pages count as clean, so a second one "succeeds" while
//! the bytes never reach the medium. Names (create, rename, remove) follow the same rule under `sync_dir`.
//! Directories themselves are durable at once.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::disk::{Disk, DiskFile};

/// What survives of the changes that were never synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Nothing that was not synced.
    LoseAll,
    /// Everything, as after a killed process.
    KeepAll,
    /// Everything but the last change of each file, of which only so many bytes survive.
    TornAt(usize),
    /// For each file a prefix drawn from this seed, its last write torn.
    Seeded(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

#[derive(Clone, Debug)]
enum NameChange {
    Set { path: PathBuf, inode: usize },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

#[derive(Debug, Default)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Default)]
struct World {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    names_durable: BTreeMap<PathBuf, usize>,
    names_pending: Vec<NameChange>,
    /// Handles opened before the last crash are dead.
    boot: u64,
    operations: u64,
    writes: u64,
    syncs: u64,
    power_cut_at: Option<u64>,
    fail_write_at: Option<u64>,
    fail_sync_at: Option<u64>,
    capacity: Option<usize>,
    power_is_off: bool,
    lies: bool,
}

/// A disk in memory with faults; clones share one medium.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<World>>);

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    inode: usize,
    boot: u64,
}

fn refused(kind: io::ErrorKind, why: &str) -> io::Error {
    io::Error::new(kind, why.to_owned())
}

impl FaultyDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changing operations so far: creates, writes, truncates, syncs, renames, removes.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// Cuts the power in the middle of the changing operation with this number, counted from the disk's creation and
    /// from zero; everything after it fails until [`FaultyDisk::crash`].
    pub fn cut_power_at(&self, operation: u64) {
        self.world().power_cut_at = Some(operation);
    }

    /// Fails the `nth` write from now (0 = the next one) after half of its bytes.
    pub fn fail_write(&self, nth: u64) {
        let mut world = self.world();
        world.fail_write_at = Some(world.writes + nth);
    }

    /// Fails the `nth` sync from now (0 = the next one); what it should have saved will not survive a crash.
    pub fn fail_sync(&self, nth: u64) {
        let mut world = self.world();
        world.fail_sync_at = Some(world.syncs + nth);
    }

    /// Makes syncs return without doing anything, as a drive that lies about its cache does.
    pub fn lie_about_syncs(&self) {
        self.world().lies = true;
    }

    /// Bounds the sum of all file sizes; `None` lifts the bound.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.world().capacity = bytes;
    }

    /// Bytes in all files.
    #[must_use]
    pub fn used(&self) -> usize {
        self.world().used()
    }

    /// Restarts the machine: un-synced changes survive as `crash` says, open handles die, faults are lifted.
    pub fn crash(&self, crash: Crash) {
        let mut world = self.world();
        let mut draw = Draw::new(crash);
        for inode in &mut world.inodes {
            inode.settle(crash, &mut draw);
        }
        let pending = std::mem::take(&mut world.names_pending);
        let kept = draw.kept(crash, pending.len());
        let mut names = std::mem::take(&mut world.names_durable);
        for change in pending.iter().take(kept) {
            change.apply(&mut names);
        }
        world.names = names.clone();
        world.names_durable = names;
        world.boot += 1;
        world.power_cut_at = None;
        world.fail_write_at = None;
        world.fail_sync_at = None;
        world.power_is_off = false;
    }

    /// Changes the byte at `offset` of a file by `mask`, durably: damage of the medium. `false` if there is no such byte.
    #[must_use]
    pub fn flip(&self, path: &Path, offset: usize, mask: u8) -> bool {
        let mut world = self.world();
        let Some(&inode) = world.names.get(path) else { return false };
        let Some(inode) = world.inodes.get_mut(inode) else { return false };
        match (inode.content.get_mut(offset), inode.durable.get_mut(offset)) {
            (Some(seen), Some(durable)) => {
                *seen ^= mask;
                *durable ^= mask;
                true
            }
            _ => false,
        }
    }

    /// The bytes of a file as a reader sees them.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        let inode = *world.names.get(path)?;
        world.inodes.get(inode).map(|inode| inode.content.clone())
    }

    /// The bytes that a file has after the worst crash; `None` if it would not even be there.
    #[must_use]
    pub fn durable(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        let inode = *world.names_durable.get(path)?;
        world.inodes.get(inode).map(|inode| inode.durable.clone())
    }

    /// Puts a file there, durably.
    pub fn plant(&self, path: &Path, content: &[u8]) {
        let mut world = self.world();
        let inode = world.inodes.len();
        world.inodes.push(Inode {
            content: content.to_vec(),
            durable: content.to_vec(),
            pending: Vec::new(),
        });
        world.names.insert(path.to_owned(), inode);
        world.names_durable.insert(path.to_owned(), inode);
    }

    /// A second disk with the same files, all durable, and no faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        let paths: Vec<PathBuf> = self.world().names.keys().cloned().collect();
        for path in paths {
            if let Some(content) = self.content(&path) {
                copy.plant(&path, &content);
            }
        }
        copy
    }

    fn handle(&self, world: &World, inode: usize) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { disk: self.clone(), inode, boot: world.boot })
    }
}

/// Draws how much survives.
struct Draw(u64);

impl Draw {
    fn new(crash: Crash) -> Self {
        Self(if let Crash::Seeded(seed) = crash { seed } else { 0 })
    }

    /// `SplitMix64`.
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        usize::try_from(word % (below.max(1) as u64)).unwrap_or(0)
    }

    fn kept(&mut self, crash: Crash, pending: usize) -> usize {
        match crash {
            Crash::LoseAll => 0,
            Crash::KeepAll | Crash::TornAt(_) => pending,
            Crash::Seeded(_) => self.next(pending + 1),
        }
    }
}

impl Inode {
    fn settle(&mut self, crash: Crash, draw: &mut Draw) {
        let pending = std::mem::take(&mut self.pending);
        let kept = draw.kept(crash, pending.len());
        for (position, change) in pending.iter().take(kept).enumerate() {
            let last = position + 1 == kept;
            let torn = match (crash, change) {
                (Crash::TornAt(bytes), _) if last => Some(bytes),
                (Crash::Seeded(_), Change::Write { bytes, .. }) if last => {
                    Some(draw.next(bytes.len() + 1))
                }
                _ => None,
            };
            change.apply(&mut self.durable, torn);
        }
        self.content.clone_from(&self.durable);
    }
}

impl Change {
    /// Applies the change, of a torn write only the first `torn` bytes.
    fn apply(&self, content: &mut Vec<u8>, torn: Option<usize>) {
        match self {
            Self::Truncate { size } => content.truncate(*size),
            Self::Write { offset, bytes } => {
                let kept = bytes.iter().take(torn.unwrap_or(bytes.len()));
                let end = offset + kept.len();
                if kept.len() > 0 && content.len() < end {
                    content.resize(end, 0);
                }
                for (place, byte) in content.iter_mut().skip(*offset).zip(kept) {
                    *place = *byte;
                }
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Set { path, inode } => {
                names.insert(path.clone(), *inode);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }
}

impl World {
    fn used(&self) -> usize {
        self.names
            .values()
            .filter_map(|inode| self.inodes.get(*inode))
            .map(|inode| inode.content.len())
            .sum()
    }

    fn powered(&self) -> io::Result<()> {
        if self.power_is_off {
            return Err(refused(io::ErrorKind::Other, "the power is off"));
        }
        Ok(())
    }

    /// Counts a changing operation; `true` if the power goes off during it.
    fn count(&mut self) -> io::Result<bool> {
        self.powered()?;
        let cut = self.power_cut_at == Some(self.operations);
        self.operations += 1;
        self.power_is_off = cut;
        Ok(cut)
    }

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        if self.count()? {
            return Err(refused(io::ErrorKind::Other, "the power went off"));
        }
        change.apply(&mut self.names);
        self.names_pending.push(change);
        Ok(())
    }

    fn inode(&mut self, inode: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(inode).ok_or_else(|| refused(io::ErrorKind::NotFound, "no such inode"))
    }

    fn write(&mut self, inode: usize, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let cut = self.count()?;
        let failing = self.fail_write_at == Some(self.writes);
        self.writes += 1;
        let used = self.used();
        let room = self.capacity.map(|capacity| capacity.saturating_sub(used));
        let file = self.inode(inode)?;
        let growth = (offset + bytes.len()).saturating_sub(file.content.len());
        let full = room.is_some_and(|room| growth > room);
        let done = if cut || failing || full { bytes.len() / 2 } else { bytes.len() };
        let done = if full { done.min(bytes.len() - growth.min(bytes.len())) } else { done };
        let change =
            Change::Write { offset, bytes: bytes.iter().take(done).copied().collect::<Vec<_>>() };
        change.apply(&mut file.content, None);
        file.pending.push(change);
        match (cut, full, failing) {
            (true, _, _) => Err(refused(io::ErrorKind::Other, "the power went off")),
            (_, true, _) => Err(refused(io::ErrorKind::StorageFull, "no space left")),
            (_, _, true) => Err(refused(io::ErrorKind::Other, "the write failed")),
            _ => Ok(()),
        }
    }

    /// Counts a sync; an error if it fails, with `lost` telling whether what is pending is gone.
    fn sync(&mut self) -> io::Result<bool> {
        if self.count()? {
            return Err(refused(io::ErrorKind::Other, "the power went off"));
        }
        let failing = self.fail_sync_at == Some(self.syncs);
        self.syncs += 1;
        Ok(failing)
    }
}

impl FaultyFile {
    fn world(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.disk.world();
        world.powered()?;
        if world.boot != self.boot {
            return Err(refused(io::ErrorKind::Other, "this handle is from before the crash"));
        }
        Ok(world)
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| refused(io::ErrorKind::InvalidInput, "offset too large"))
}

impl DiskFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.world()?.inode(self.inode)?.content.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world()?;
        let content = &world.inode(self.inode)?.content;
        let there = content.get(position(offset)?..).unwrap_or_default();
        let read = there.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(there) {
            *place = *byte;
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.world()?.write(self.inode, position(offset)?, bytes)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let mut world = self.world()?;
        if world.count()? {
            return Err(refused(io::ErrorKind::Other, "the power went off"));
        }
        let change = Change::Truncate { size: position(size)? };
        let file = world.inode(self.inode)?;
        change.apply(&mut file.content, None);
        file.pending.push(change);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut world = self.world()?;
        let failed = world.sync()?;
        if world.lies {
            return Ok(());
        }
        let file = world.inode(self.inode)?;
        let pending = std::mem::take(&mut file.pending);
        if failed {
            return Err(refused(io::ErrorKind::Other, "the sync failed"));
        }
        for change in &pending {
            change.apply(&mut file.durable, None);
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let world = self.world();
        world.powered()?;
        match world.names.get(path) {
            Some(&inode) => Ok(self.handle(&world, inode)),
            None => Err(refused(io::ErrorKind::NotFound, "no such file")),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.world();
        world.powered()?;
        if world.names.contains_key(path) {
            return Err(refused(io::ErrorKind::AlreadyExists, "the file exists"));
        }
        let inode = world.inodes.len();
        world.change_name(NameChange::Set { path: path.to_owned(), inode })?;
        world.inodes.push(Inode::default());
        Ok(self.handle(&world, inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.powered()?;
        if !world.names.contains_key(from) {
            return Err(refused(io::ErrorKind::NotFound, "no such file"));
        }
        world.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned() })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.powered()?;
        if !world.names.contains_key(path) {
            return Err(refused(io::ErrorKind::NotFound, "no such file"));
        }
        world.change_name(NameChange::Remove { path: path.to_owned() })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let world = self.world();
        world.powered()?;
        Ok(world.names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.world().powered()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        let failed = world.sync()?;
        if world.lies {
            return Ok(());
        }
        // Names of other directories stay pending; within one directory order is kept.
        let (here, elsewhere) = std::mem::take(&mut world.names_pending)
            .into_iter()
            .partition::<Vec<_>, _>(|change| change.dir() == Some(dir));
        world.names_pending = elsewhere;
        if failed {
            return Err(refused(io::ErrorKind::Other, "the sync failed"));
        }
        for change in &here {
            change.apply(&mut world.names_durable);
        }
        Ok(())
    }
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Set { path, .. } | Self::Remove { path } | Self::Rename { to: path, .. } => {
                path.parent()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with(bytes: &[u8]) -> (FaultyDisk, Arc<dyn DiskFile>, PathBuf) {
        let disk = FaultyDisk::new();
        let path = PathBuf::from("/d/file");
        let file = disk.create(&path).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_at(0, bytes).unwrap();
        file.sync_data().unwrap();
        (disk, file, path)
    }

    #[test]
    fn only_synced_bytes_survive_the_worst_crash() {
        let (disk, file, path) = disk_with(b"kept");
        file.write_at(4, b" lost").unwrap();
        assert_eq!(disk.content(&path).unwrap(), b"kept lost");
        assert_eq!(disk.durable(&path).unwrap(), b"kept");
        disk.crash(Crash::LoseAll);
        assert_eq!(disk.content(&path).unwrap(), b"kept");
        assert!(file.size().is_err(), "a handle from before the crash is dead");
    }

    #[test]
    fn a_torn_crash_keeps_so_many_bytes_of_the_last_write() {
        let (disk, file, path) = disk_with(b"");
        file.write_at(0, b"ab").unwrap();
        file.write_at(2, b"cdef").unwrap();
        disk.crash(Crash::TornAt(1));
        assert_eq!(disk.content(&path).unwrap(), b"abc");
    }

    #[test]
    fn an_unsynced_name_does_not_survive() {
        let disk = FaultyDisk::new();
        let path = Path::new("/d/new");
        disk.create(path).unwrap().sync_data().unwrap();
        disk.crash(Crash::LoseAll);
        assert_eq!(disk.open(path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_second_sync_does_not_save_what_a_failed_one_lost() {
        let (disk, file, path) = disk_with(b"kept");
        file.write_at(4, b" gone").unwrap();
        disk.fail_sync(0);
        assert!(file.sync_data().is_err());
        file.sync_data().unwrap();
        disk.crash(Crash::KeepAll);
        assert_eq!(disk.content(&path).unwrap(), b"kept");
    }

    #[test]
    fn a_full_disk_says_so_and_takes_writes_again_when_there_is_room() {
        let (disk, file, path) = disk_with(b"1234");
        disk.set_capacity(Some(6));
        assert_eq!(file.write_at(4, b"5678").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(disk.used() <= 6);
        disk.set_capacity(None);
        file.write_at(4, b"5678").unwrap();
        assert_eq!(disk.content(&path).unwrap(), b"12345678");
    }

    #[test]
    fn after_a_power_cut_nothing_works_until_the_restart() {
        let (disk, file, path) = disk_with(b"");
        disk.cut_power_at(disk.operations());
        assert!(file.write_at(0, b"abcd").is_err());
        assert!(file.size().is_err());
        assert!(disk.open(&path).is_err());
        disk.crash(Crash::KeepAll);
        assert_eq!(disk.open(&path).unwrap().size().unwrap(), 2, "half of the write got through");
    }
}

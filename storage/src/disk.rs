//! The seam between this crate and a file system.
//!
//! Every file of the store but sled's own goes through [`Disk`], so that the tests and the simulator can cut the power
//! between any two operations ([`crate::faulty::FaultyDisk`]) while the shipped code runs unchanged.

use std::{
    fmt, fs, io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One open file. All methods take `&self`: positions are given, never kept.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Bytes in the file, un-synced ones included.
    fn size(&self) -> io::Result<u64>;

    /// Reads at `offset` until `buffer` is full or the file ends; the number of bytes read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, extending the file. On an error any prefix may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `size` bytes.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Returns once everything written is on the medium. After an error nothing is known about what is there.
    fn sync_data(&self) -> io::Result<()>;
}

/// A file system as far as the store needs one.
///
/// A created, renamed or removed name is durable only after [`Disk::sync_dir`] of its directory.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens an existing file for reading and writing; `NotFound` without one.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file that is only read, so also where nothing can be written; `NotFound` without one.
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    /// Creates an empty file; `AlreadyExists` if the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing what the new name held.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Paths of what is in `dir`, sorted; empty if there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Creates a directory and its parents.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// What the system calls a device that fails.
pub(crate) const EIO: i32 = 5;

/// Whether the medium takes no writes for now: it is full, over its quota, or read-only. Room, or another mount, cures it.
#[must_use]
pub fn takes_no_writes(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

/// Removes a file if it is there.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The directory that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Disk for RealDisk {
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(ReadOnlyFile(RealFile(fs::File::open(path)?))))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = fs::File::options().read(true).write(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = fs::File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }
}

/// The file system of the machine, to look at: nothing on it is changed.
///
/// Truncating and syncing do nothing, so that code which cuts a torn tail sees the file as it will be; every other change is
/// refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOnlyDisk;

#[derive(Debug)]
struct ReadOnlyFile(RealFile);

fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl DiskFile for ReadOnlyFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn truncate(&self, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for ReadOnlyDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(ReadOnlyFile(RealFile(fs::File::open(path)?))))
    }

    fn create(&self, _path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Err(read_only())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(read_only())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(read_only())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_file_reads_back_what_was_written_and_stops_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let disk = RealDisk;
        assert_eq!(disk.open(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let file = disk.create(&path).unwrap();
        assert_eq!(disk.create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        file.write_at(4, b"abcd").unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(dir.path()).unwrap();
        let mut buffer = [9; 16];
        assert_eq!(file.read_at(2, &mut buffer).unwrap(), 6);
        assert_eq!(&buffer[..6], b"\0\0abcd");
        file.truncate(6).unwrap();
        assert_eq!(file.size().unwrap(), 6);
        assert_eq!(file.read_at(100, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn looking_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, b"abcdef").unwrap();
        let file = ReadOnlyDisk.open(&path).unwrap();
        file.truncate(2).unwrap();
        assert!(file.write_at(0, b"x").is_err() && ReadOnlyDisk.create(&path).is_err());
        assert!(ReadOnlyDisk.rename(&path, &path).is_err() && ReadOnlyDisk.remove(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"abcdef");
    }

    #[test]
    fn names_are_listed_renamed_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        RealDisk.create(&one).unwrap();
        RealDisk.rename(&one, &two).unwrap();
        assert_eq!(RealDisk.list(dir.path()).unwrap(), std::slice::from_ref(&two));
        RealDisk.remove(&two).unwrap();
        remove_if_there(&RealDisk, &two).unwrap();
        assert!(RealDisk.list(&dir.path().join("none")).unwrap().is_empty());
    }
}

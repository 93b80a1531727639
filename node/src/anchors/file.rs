//! A real file as the medium of anchors.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ganglion_chain::Medium;

/// One file, for its owner only.
#[derive(Debug)]
pub struct PaperFile {
    file: File,
    path: PathBuf,
}

impl PaperFile {
    /// Opens a file, or makes it; its name is durable then.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
        sync_dir(path)?;
        Ok(Self { file, path: path.to_owned() })
    }
}

impl Medium for PaperFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = self.size()?.saturating_sub(offset);
        let mut bytes = vec![0; length.min(usize::try_from(left).unwrap_or(usize::MAX))];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)?;
        self.file.sync_data()
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content)?;
        file.sync_data()?;
        fs::rename(&new, &self.path)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    match path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_cut_and_replaced_is_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut file = PaperFile::open(&path).unwrap();
        file.append(b"one").unwrap();
        file.append(b"two").unwrap();
        file.truncate(4).unwrap();
        file.append(b"!").unwrap();
        assert_eq!(file.read(2, 99).unwrap(), b"et!");
        assert_eq!(file.read(99, 1).unwrap(), b"");
        file.replace(b"anew").unwrap();
        file.append(b"er").unwrap();
        let again = PaperFile::open(&path).unwrap();
        assert_eq!((again.size().unwrap(), again.read(0, 99).unwrap()), (6, b"anewer".to_vec()));
        let names = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }
}

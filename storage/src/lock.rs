//! One process per data directory.

use std::{
    fs,
    io::{self, Read, Seek, Write},
    path::Path,
    thread,
    time::Duration,
};

use crate::error::OpenError;

/// Held as long as the value lives; the operating system frees it when the process dies, however it dies.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: fs::File,
}

/// Who has a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No running process.
    Nobody,
    /// A process, with its id if it could be read.
    Process(Option<u32>),
}

impl DirectoryLock {
    /// Who holds the lock of `dir`. Takes nothing and creates nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn holder(dir: &Path) -> io::Result<Holder> {
        let file = match fs::File::open(dir.join("lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::Nobody),
            other => other?,
        };
        // Shared, and given back at once: a node that starts meanwhile asks more than once.
        match file.try_lock_shared() {
            Ok(()) => Ok(Holder::Nobody),
            Err(fs::TryLockError::WouldBlock) => Ok(Holder::Process(written_by(&file))),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Locks `<dir>/lock` and writes this process id into it.
    ///
    /// # Errors
    /// [`OpenError::Locked`] with the id found in the file if another process, or another store in this one, has it.
    pub fn acquire(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let mut options = fs::File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(OpenError::io(&path))?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let pid = written_by(&file);
                return Err(OpenError::Locked { dir: dir.to_owned(), pid });
            }
            Err(fs::TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(OpenError::io(&path))?;
        Ok(Self { _file: file })
    }
}

/// The process id in a lock file.
fn written_by(file: &fs::File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Asks a few times: a child process just started holds our open files until it runs its own program.
#[expect(clippy::disallowed_methods, reason = "the lock can only be polled; the wait is bounded")]
fn try_lock(file: &fs::File) -> Result<(), fs::TryLockError> {
    for _ in 0..20 {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_with_the_holder_named_and_given_after_release() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirectoryLock::acquire(dir.path()).unwrap();
        let refused = DirectoryLock::acquire(dir.path()).unwrap_err();
        assert!(matches!(
            &refused,
            OpenError::Locked { pid: Some(pid), .. } if *pid == std::process::id()
        ));
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())));
        drop(held);
        DirectoryLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_lock_file_left_by_a_dead_process_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("lock"), "999999999 and more text than a pid has").unwrap();
        let _held = DirectoryLock::acquire(dir.path()).unwrap();
        let text = fs::read_to_string(dir.path().join("lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}

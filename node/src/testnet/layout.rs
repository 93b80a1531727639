//! Where a testnet keeps what.
//!
//! ```text
//! testnet/             a ganglion home: `ganglion --home testnet keys list` works
//! ├── testnet.json     what was set up and what runs
//! ├── lock             held while `testnet up` runs
//! ├── control.sock     where it takes orders
//! ├── subnet.toml      the manifest
//! ├── keys/{hotkeys,coldkeys}/NAME.json
//! └── nodes/NAME/      node.toml, subnet.toml, log, and the node's own data
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{self, FileError};
use crate::home::Home;

/// Longest path of a socket that every system takes, in bytes, less one for its end.
const SOCKET_PATH_MAX: usize = 100;

/// The directory of one testnet, as an absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(PathBuf);

impl Layout {
    /// The testnet in `dir`, which need not exist.
    ///
    /// # Errors
    /// When the current directory is gone.
    pub fn new(dir: &Path) -> Result<Self, FileError> {
        let io = |source| FileError::Io { verb: "find", path: dir.into(), source };
        Ok(Self(dir.canonicalize().or_else(|_| std::path::absolute(dir)).map_err(io)?))
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// As a place for keys and nodes.
    #[must_use]
    pub fn home(&self) -> Home {
        Home::new(Some(self.0.clone()))
    }

    /// What was set up and what runs.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.0.join("testnet.json")
    }

    /// Held while it runs.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.0.join(crate::config::MANIFEST_NAME)
    }

    /// A node's data directory; `name` was checked when it was read.
    #[must_use]
    pub fn node(&self, name: &str) -> PathBuf {
        self.0.join("nodes").join(name)
    }

    /// A node's log.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.node(name).join("log")
    }

    /// Where a node's worker keeps its state.
    #[must_use]
    pub fn worker_dir(&self, name: &str) -> PathBuf {
        self.node(name).join("worker")
    }

    /// Where orders are taken: in the directory, or, where its path is too long for a socket, in a
    /// private one among the temporary files.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let path = self.0.join("control.sock");
        if path.as_os_str().len() <= SOCKET_PATH_MAX {
            return path;
        }
        let name = blake3::hash(self.0.as_os_str().as_encoded_bytes()).to_hex();
        let short = name.as_str().get(..16).unwrap_or_default();
        std::env::temp_dir().join(format!("ganglion-testnet-{short}")).join("control.sock")
    }

    /// Removes everything that a testnet made, and nothing else; the directory too, once it is empty.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn purge(&self) -> Result<(), FileError> {
        for name in ["nodes", "keys"] {
            remove(&self.0.join(name), |path| std::fs::remove_dir_all(path))?;
        }
        for path in [self.manifest(), self.socket(), self.state(), self.lock()] {
            remove(&path, |path| std::fs::remove_file(path))?;
        }
        // Somebody else's files are no reason to fail, and none of ours.
        let _ = std::fs::remove_dir(&self.0);
        Ok(())
    }

    /// Whether there is anything that is not known to be a testnet's.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn is_foreign(&self) -> Result<bool, FileError> {
        if self.state().exists() {
            return Ok(false);
        }
        let io = |source| FileError::Io { verb: "read", path: self.0.clone(), source };
        match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            entries => {
                let mut foreign = false;
                for entry in entries.map_err(io)? {
                    foreign |= entry.map_err(io)?.file_name() != "lock";
                }
                Ok(foreign)
            }
        }
    }
}

fn remove(path: &Path, how: impl Fn(&Path) -> io::Result<()>) -> Result<(), FileError> {
    match how(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Io { verb: "remove", path: path.into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Holds a directory against a second `testnet up`; the system gives it free when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

impl Lock {
    /// Takes the lock, `None` if another process has it. Creates the directory.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn take(layout: &Layout) -> Result<Option<Self>, FileError> {
        files::create_private_dir(layout.dir())?;
        let path = layout.lock();
        let io = |source| FileError::Io { verb: "lock", path: path.clone(), source };
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_waits_for_the_first_to_go() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let first = Lock::take(&layout).unwrap();
        assert!(first.is_some() && Lock::take(&layout).unwrap().is_none());
        drop(first);
        assert!(Lock::take(&layout).unwrap().is_some());
    }

    #[test]
    fn purging_leaves_what_others_put_there() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(&dir.path().join("net")).unwrap();
        drop(Lock::take(&layout).unwrap());
        assert!(!layout.is_foreign().unwrap());
        let mine = layout.dir().join("mine");
        for path in [&layout.state(), &mine, &layout.node("a").join("log")] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        assert!(!layout.is_foreign().unwrap());
        layout.purge().unwrap();
        assert!(mine.exists() && !layout.node("a").exists());
        assert!(layout.is_foreign().unwrap());
        std::fs::remove_file(mine).unwrap();
        layout.purge().unwrap();
        assert!(!layout.dir().exists());
    }

    #[test]
    fn long_paths_get_a_short_socket() {
        let short = Layout(PathBuf::from("/t"));
        assert_eq!(short.socket(), Path::new("/t/control.sock"));
        let long = Layout(PathBuf::from(format!("/{}", "x".repeat(200))));
        assert!(long.socket().starts_with(std::env::temp_dir()));
        assert_ne!(long.socket(), Layout(PathBuf::from(format!("/{}", "y".repeat(200)))).socket());
    }
}

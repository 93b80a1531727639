//! Files with secrets and files that must never be half written.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::fault::{Code, Curable, Fault};

/// What goes wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It exists and was not to be replaced.
    #[error("{} exists and is not overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or change a secret.
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// More than any file of this kind needs.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// The bytes are not UTF-8.
    #[error("{} is not a text file", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        verb: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason given.
        source: io::Error,
    },
}

impl Curable for FileError {
    fn code(&self) -> Code {
        match self {
            Self::Missing { .. } => Code::FILE_MISSING,
            Self::Exists { .. } => Code::FILE_EXISTS,
            Self::TooOpen { .. } => Code::FILE_OPEN_TO_OTHERS,
            Self::TooLarge { .. } => Code::FILE_TOO_LARGE,
            Self::NotText { .. } => Code::FILE_NOT_TEXT,
            Self::Io { .. } => Code::FILE_UNUSABLE,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::TooOpen { .. } | Self::Io { .. } => Fault::Environment,
            Self::Missing { .. }
            | Self::Exists { .. }
            | Self::TooLarge { .. }
            | Self::NotText { .. } => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::TooOpen { path, .. } => {
                format!("Run: chmod 600 {}", shell_word(&path.display().to_string()))
            }
            _ => self.code().cure().into(),
        }
    }
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// When it is missing, larger, not UTF-8 or unreadable.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    let bytes = read_bytes(path, limit)?;
    String::from_utf8(bytes).map_err(|_| FileError::NotText { path: path.into() })
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// When it is missing, larger or unreadable.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = fs::File::open(path).map_err(|source| open_error(path, source))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| FileError::Io {
        verb: "read",
        path: path.into(),
        source,
    })?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size > limit) {
        return Err(FileError::TooLarge { path: path.into(), limit });
    }
    Ok(bytes)
}

/// Refuses a file that anybody but its owner may read or change.
///
/// One exception is how an orchestrator hands a secret to a process that is not root: root owns the
/// file, its group may read it, others may nothing (Kubernetes with `fsGroup`, systemd with
/// `LoadCredential`). Nobody else than root could then have let the group in. Pipes and other special
/// files have no permissions to speak of and pass.
///
/// # Errors
/// [`FileError::TooOpen`], or what hinders looking at it.
pub fn require_private(path: &Path) -> Result<(), FileError> {
    let meta = fs::metadata(path).map_err(|source| open_error(path, source))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_file() && !is_closed(mode, meta.uid(), is_root) {
            return Err(FileError::TooOpen { path: path.into(), mode });
        }
    }
    #[cfg(not(unix))]
    let _ = meta;
    Ok(())
}

/// Whether nobody can read a secret who should not; `is_root` says whether this process is root.
#[cfg(unix)]
fn is_closed(mode: u32, owner: u32, is_root: impl Fn() -> bool) -> bool {
    mode & 0o077 == 0 || (mode & 0o037 == 0 && owner == 0 && !is_root())
}

/// Whether this process runs as root, or nobody can tell, as where there is no `/proc`.
#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").map_or(true, |meta| meta.uid() == 0)
}

/// Creates a directory and its parents, open to the owner only.
///
/// # Errors
/// When the operating system refuses.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|source| FileError::Io {
        verb: "create",
        path: path.into(),
        source,
    })
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only the owner: mode 0600.
    Private,
    /// As the umask has it.
    Shared,
}

/// Writes a file whole or not at all: a temporary beside it, synced, then put in its place.
///
/// Without `replace` an existing file stays as it is, also when two processes write at once.
///
/// # Errors
/// [`FileError::Exists`], or when the operating system refuses.
pub fn write_whole(
    path: &Path,
    bytes: &[u8],
    access: Access,
    replace: bool,
) -> Result<(), FileError> {
    let io = |source| FileError::Io { verb: "write", path: path.into(), source };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| io(io::ErrorKind::InvalidInput.into()))?;
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}.tmp", std::process::id()));
    let temporary = parent.join(temporary_name);

    let written = write_temporary(&temporary, bytes, access)
        .and_then(|()| put_in_place(&temporary, path, replace));
    if written.is_err() {
        // The first error is the one to report; a leftover temporary harms nobody.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists if !replace => FileError::Exists { path: path.into() },
        _ => io(source),
    })?;
    // The new name must survive a power loss too.
    fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(io)
}

fn write_temporary(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    // A leftover of a crashed process with our id.
    let _ = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn put_in_place(temporary: &Path, path: &Path, replace: bool) -> io::Result<()> {
    if replace {
        return fs::rename(temporary, path);
    }
    // Unlike a rename, a link fails when the name is taken.
    fs::hard_link(temporary, path)?;
    fs::remove_file(temporary)
}

fn open_error(path: &Path, source: io::Error) -> FileError {
    match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing { path: path.into() },
        _ => FileError::Io { verb: "read", path: path.into(), source },
    }
}

/// Quotes a word for a POSIX shell where that is needed.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./~+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_kept_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_whole(&path, b"one", Access::Shared, false).unwrap();
        let refused = write_whole(&path, b"two", Access::Shared, false);
        assert!(matches!(refused, Err(FileError::Exists { .. })), "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_whole(&path, b"two", Access::Shared, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary is left");
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_born_private_and_looser_ones_refused_with_the_cure() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_whole(&path, b"x", Access::Private, false).unwrap();
        require_private(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = require_private(&path).unwrap_err();
            assert!(error.to_string().contains(&format!("mode {mode:04o}")), "{error}");
            assert_eq!(error.cure(), format!("Run: chmod 600 {}", path.display()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_read_only_what_root_hands_to_somebody_else() {
        let (root, other) = (0, 65_532);
        for (mode, owner, as_root, closed) in [
            (0o600, other, false, true),
            (0o400, root, true, true),
            (0o440, root, false, true),
            (0o640, root, false, true),
            (0o440, root, true, false),
            (0o440, other, false, false),
            (0o444, root, false, false),
            (0o460, root, false, false),
        ] {
            let found = is_closed(mode, owner, || as_root);
            assert_eq!(found, closed, "mode {mode:o}, owner {owner}, root {as_root}");
        }
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert!(matches!(read_text(&path, 4), Err(FileError::TooLarge { limit: 4, .. })));
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(read_text(&path, 4), Err(FileError::NotText { .. })));
    }

    #[test]
    fn shell_words_are_quoted_where_needed() {
        assert_eq!(shell_word("/a/b-c_d.json"), "/a/b-c_d.json");
        assert_eq!(shell_word("/my keys/a'b"), r"'/my keys/a'\''b'");
        assert_eq!(shell_word(""), "''");
    }
}

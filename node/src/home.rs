//! Where things lie by default.
//!
//! ```text
//! ~/.ganglion                 or --home, or GANGLION_HOME
//! ├── keys/hotkeys/NAME.json
//! ├── keys/coldkeys/NAME.json
//! └── nodes/NAME/             one node's data: node.toml, subnet.toml, its store
//! ```

use std::path::{Path, PathBuf};

use crate::files;
use crate::keys::{KeyError, KeyFile, KeyKind};

/// Longest key or node name.
const NAME_MAX: usize = 64;

/// The base directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The directory given, else `.ganglion` in the user's home, else in the current directory.
    #[must_use]
    pub fn new(given: Option<PathBuf>) -> Self {
        let user = || std::env::home_dir().unwrap_or_default().join(".ganglion");
        Self(given.unwrap_or_else(user))
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where all keys lie.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Where keys of one kind lie.
    #[must_use]
    pub fn keys_of(&self, kind: KeyKind) -> PathBuf {
        self.keys().join(match kind {
            KeyKind::Hotkey => "hotkeys",
            KeyKind::Coldkey => "coldkeys",
        })
    }

    /// The file of a named key.
    ///
    /// # Errors
    /// When the name would not make a sound file name.
    pub fn key_file(&self, kind: KeyKind, name: &str) -> Result<PathBuf, KeyError> {
        check_name(name)?;
        Ok(self.keys_of(kind).join(format!("{name}.json")))
    }

    /// Where the data directories of nodes lie.
    #[must_use]
    pub fn nodes(&self) -> PathBuf {
        self.0.join("nodes")
    }

    /// The data directory of a named node.
    ///
    /// # Errors
    /// When the name would not make a sound directory name.
    pub fn node(&self, name: &str) -> Result<PathBuf, KeyError> {
        check_name(name)?;
        Ok(self.nodes().join(name))
    }

    /// The key file that `text` means: a path if it looks like one, else a name here.
    ///
    /// # Errors
    /// When the name is none.
    pub fn find_key(&self, kind: KeyKind, text: &str) -> Result<PathBuf, KeyError> {
        if text.contains(std::path::MAIN_SEPARATOR) || text.ends_with(".json") {
            return Ok(text.into());
        }
        self.key_file(kind, text)
    }

    /// The names of all keys of a kind, in order.
    ///
    /// # Errors
    /// When the directory cannot be read; none is no error.
    pub fn key_names(&self, kind: KeyKind) -> Result<Vec<String>, KeyError> {
        let dir = self.keys_of(kind);
        let io = |source| files::FileError::Io { verb: "read", path: dir.clone(), source };
        let entries = match std::fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(io)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.filter(|name| check_name(name).is_ok()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Reads the key file that `text` means, with a cure for a name that does not exist.
    ///
    /// # Errors
    /// Whatever [`KeyFile::read`] refuses.
    pub fn read_key(&self, kind: KeyKind, text: &str) -> Result<(PathBuf, KeyFile), KeyError> {
        let path = self.find_key(kind, text)?;
        match KeyFile::read(&path) {
            Err(KeyError::File(files::FileError::Missing { .. })) if !text.contains('/') => {
                Err(KeyError::NoSuchKey { name: text.into(), keys: self.keys_of(kind) })
            }
            read => Ok((path, read?)),
        }
    }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.len() <= NAME_MAX && name.chars().all(fits) {
        return Ok(());
    }
    Err(KeyError::Name { name: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_directory() {
        let home = Home::new(Some("/h".into()));
        let file = home.key_file(KeyKind::Hotkey, "v1").unwrap();
        assert_eq!(file, Path::new("/h/keys/hotkeys/v1.json"));
        assert_eq!(home.node("v1").unwrap(), Path::new("/h/nodes/v1"));
        for bad in ["", ".", "..", "../x", "a/b", "-x", ".x", "a b", "ä", &"x".repeat(65)] {
            assert!(home.key_file(KeyKind::Coldkey, bad).is_err(), "{bad:?}");
            assert!(home.node(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        let home = Home::new(Some("/h".into()));
        for path in ["/k/x.json", "./x", "x.json"] {
            assert_eq!(home.find_key(KeyKind::Hotkey, path).unwrap(), Path::new(path));
        }
    }
}

//! Where the password of a key file comes from.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::KeyError;
use crate::files;

/// A password file holds one line.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// A password, wiped from memory when dropped, or the explicit absence of one.
#[derive(Clone)]
pub struct Password(Option<Zeroizing<String>>);

impl Password {
    /// A password of at least one character.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(KeyError::EmptyPassword);
        }
        Ok(Self(Some(text)))
    }

    /// No password: the key is stored unencrypted.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Its bytes, `None` without one.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|text| text.as_bytes())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Password(hidden)" } else { "Password(none)" })
    }
}

/// Whether a person may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// If standard input is a terminal.
    OnTerminal,
    /// Never: a node that runs unattended.
    Never,
}

/// Where to take a password from: what was said first counts.
#[derive(Clone, Debug)]
pub enum PasswordSource {
    /// On purpose none.
    None,
    /// The first line of a file.
    File(PathBuf),
    /// A person.
    Ask(Prompt),
}

impl PasswordSource {
    /// The password of a new key; a person is asked twice.
    ///
    /// # Errors
    /// When there is nobody to ask, the file is open to others, or the password is empty.
    pub fn fresh(&self) -> Result<Password, KeyError> {
        match self {
            Self::None => Ok(Password::none()),
            Self::File(path) => read_file(path),
            Self::Ask(prompt) => {
                require_terminal(*prompt, None)?;
                let first = ask("New password: ")?;
                let password = Password::new(first.as_str())?;
                if *ask("The same again: ")? != *first {
                    return Err(KeyError::PasswordsDiffer);
                }
                Ok(password)
            }
        }
    }

    /// The password of the existing, encrypted key file `key`.
    ///
    /// # Errors
    /// When there is nobody to ask, the file is open to others, or the password is empty.
    pub fn existing(&self, key: &Path) -> Result<Password, KeyError> {
        match self {
            Self::None => Err(KeyError::NoPassword { path: Some(key.into()) }),
            Self::File(path) => read_file(path),
            Self::Ask(prompt) => {
                require_terminal(*prompt, Some(key))?;
                Password::new(ask(&format!("Password of {}: ", key.display()))?.as_str())
            }
        }
    }
}

fn require_terminal(prompt: Prompt, key: Option<&Path>) -> Result<(), KeyError> {
    if prompt == Prompt::OnTerminal && std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(KeyError::NoPassword { path: key.map(Into::into) })
}

fn ask(question: &str) -> Result<Zeroizing<String>, KeyError> {
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|source| KeyError::Terminal { source })
}

fn read_file(path: &Path) -> Result<Password, KeyError> {
    files::require_private(path)?;
    let text = Zeroizing::new(files::read_text(path, FILE_BYTES_MAX)?);
    Password::new(text.lines().next().unwrap_or_default())
}

/// Reads a secret from a file that is closed to others, or from standard input for `-`.
///
/// # Errors
/// When the file is open to others, too large or unreadable.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    if path.as_os_str() != "-" {
        files::require_private(path)?;
        return Ok(Zeroizing::new(files::read_text(path, FILE_BYTES_MAX)?));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|source| {
        files::FileError::Io { verb: "read", path: "standard input".into(), source }
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Access, write_whole};

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        for (content, password) in
            [("secret", "secret"), ("secret\n", "secret"), ("a b \r\nrest\n", "a b ")]
        {
            write_whole(&path, content.as_bytes(), Access::Private, true).unwrap();
            let source = PasswordSource::File(path.clone());
            assert_eq!(source.fresh().unwrap().bytes(), Some(password.as_bytes()));
        }
        for empty in ["", "\n", "\nsecret"] {
            write_whole(&path, empty.as_bytes(), Access::Private, true).unwrap();
            let refused = PasswordSource::File(path.clone()).fresh();
            assert!(matches!(refused, Err(KeyError::EmptyPassword)), "{empty:?}");
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_sits() {
        let refused = PasswordSource::Ask(Prompt::Never).fresh();
        assert!(matches!(refused, Err(KeyError::NoPassword { path: None })));
        let refused = PasswordSource::None.existing(Path::new("k.json"));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "a password is needed for k.json, and there is no terminal to ask on"
        );
    }
}

//! What goes wrong with keys, and the cure for each.

use std::path::PathBuf;

use super::KeyKind;
use crate::fault::{Code, Curable, Fault};
use crate::files::{FileError, shell_word};

/// What goes wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The phrase has a number of words that BIP-39 does not know.
    #[error("the phrase has {words} words")]
    WordCount {
        /// Words found.
        words: usize,
    },
    /// One word is not in the list. Which one is not shown: it is part of a secret.
    #[error("word {position} of the phrase is not in the English BIP-39 list")]
    UnknownWord {
        /// Counted from 1.
        position: usize,
    },
    /// All words are known and yet do not belong together.
    #[error("the phrase's checksum does not hold: a word is wrong or two are swapped")]
    PhraseChecksum,
    /// A soft junction in a derivation path.
    #[error("'/{junction}' is a soft derivation step, which ed25519 keys do not have")]
    SoftJunction {
        /// The step without its slash.
        junction: String,
    },
    /// Something in the path that is no junction.
    #[error("the derivation path has an empty step")]
    EmptyJunction,
    /// A derivation without a phrase means the phrase that everybody knows.
    #[error("a path without a phrase derives from the public development phrase")]
    DevelopmentPhrase,
    /// A secret that should not stand on a command line.
    #[error("--uri holds a secret, and command lines are visible to every user of this machine")]
    SecretOnCommandLine,
    /// A raw seed that is not 32 bytes of hexadecimal.
    #[error("a secret seed is 0x and 64 hexadecimal digits")]
    Seed,
    /// A raw seed has no passphrase.
    #[error("a secret seed takes no ///passphrase")]
    SeedPassphrase,
    /// A name that would not make a sound file name.
    #[error("'{name}' is no key name")]
    Name {
        /// What was given.
        name: String,
    },
    /// No key file of that name.
    #[error("there is no key named '{name}' in {}", keys.display())]
    NoSuchKey {
        /// The name asked for.
        name: String,
        /// The directory of all keys.
        keys: PathBuf,
    },
    /// A file that is no key file.
    #[error("{} is not a key file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        reason: String,
    },
    /// A newer version.
    #[error("{} has version {version}; this program reads version 1", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A coldkey where a hotkey is needed, or the reverse.
    #[error("{} holds a {found}, and a {expected} is needed", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: KeyKind,
        /// What is needed.
        expected: KeyKind,
    },
    /// The password does not open the file, or the file was changed.
    #[error("the password does not open {}", path.display())]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The secret inside is not that of the address outside.
    #[error("{} is damaged: its secret does not belong to its address", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
    },
    /// A password is needed and there is nobody to ask.
    #[error("a password is needed{}, and there is no terminal to ask on", of(path))]
    NoPassword {
        /// The key file, where one exists already.
        path: Option<PathBuf>,
    },
    /// An empty password file or answer.
    #[error("the password is empty")]
    EmptyPassword,
    /// Two different answers to the two questions.
    #[error("the two passwords differ")]
    PasswordsDiffer,
    /// The terminal failed.
    #[error("cannot ask for a password: {source}")]
    Terminal {
        /// The reason given.
        source: std::io::Error,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no random bytes: {reason}")]
    Entropy {
        /// The reason given.
        reason: String,
    },
}

fn of(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!(" for {}", path.display())).unwrap_or_default()
}

impl Curable for KeyError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::WordCount { .. } => Code::PHRASE_LENGTH,
            Self::UnknownWord { .. } => Code::PHRASE_WORD,
            Self::PhraseChecksum => Code::PHRASE_CHECKSUM,
            Self::SoftJunction { .. } => Code::SOFT_STEP,
            Self::EmptyJunction => Code::EMPTY_STEP,
            Self::DevelopmentPhrase => Code::DEVELOPMENT_PHRASE,
            Self::SecretOnCommandLine => Code::SECRET_ON_COMMAND_LINE,
            Self::Seed => Code::SEED_FORM,
            Self::SeedPassphrase => Code::SEED_PASSPHRASE,
            Self::Name { .. } => Code::KEY_NAME,
            Self::NoSuchKey { .. } => Code::NO_SUCH_KEY,
            Self::Format { .. } => Code::KEY_FORM,
            Self::Version { .. } => Code::KEY_VERSION,
            Self::WrongKind { .. } => Code::KEY_KIND,
            Self::WrongPassword { .. } => Code::WRONG_PASSWORD,
            Self::Mismatch { .. } => Code::KEY_DAMAGED,
            Self::NoPassword { .. } => Code::NO_PASSWORD,
            Self::EmptyPassword => Code::EMPTY_PASSWORD,
            Self::PasswordsDiffer => Code::PASSWORDS_DIFFER,
            Self::Terminal { .. } => Code::NO_TERMINAL,
            Self::Entropy { .. } => Code::NO_RANDOMNESS,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Terminal { .. } | Self::Entropy { .. } | Self::Mismatch { .. } => {
                Fault::Environment
            }
            _ => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::File(error) => error.cure(),
            Self::SoftJunction { junction } => format!("Write the hard step '//{junction}'."),
            Self::WrongKind { expected, .. } => format!("Name the file of a {expected}."),
            Self::Mismatch { path } => format!(
                "Restore {} from a copy, or import its phrase again.",
                shell_word(&path.display().to_string())
            ),
            Self::NoPassword { path: Some(_) } => {
                "Name a file with the password: --password-file FILE or GANGLION_PASSWORD_FILE."
                    .into()
            }
            // A new key may also do without.
            Self::NoPassword { path: None } => Code::EMPTY_PASSWORD.cure().into(),
            _ => self.code().cure().into(),
        }
    }
}

//! Why a file makes no testnet.

use super::Role;
use crate::document::{Problems, nearest};
use crate::fault::{Code, Curable, Fault, Told};
use crate::files;

/// Why there is no testnet to be.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// The file breaks rules.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// A flag says how many, and the file which.
    #[error("{flag} cannot stand beside {file}, which lists every {} itself", role.name())]
    Listed {
        /// The flag.
        flag: &'static str,
        /// The role.
        role: Role,
        /// The file.
        file: String,
    },
    /// An assertion about epochs that the run will not have.
    #[error("{file}:{line}: {name:?} is about epoch {needs}, and the run ends with epoch {epochs}")]
    Short {
        /// The file.
        file: String,
        /// Where the assertion stands.
        line: usize,
        /// Its name.
        name: String,
        /// The epoch it needs.
        needs: u64,
        /// The last of the run.
        epochs: u64,
    },
}

impl Curable for SpecError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Problems(error) => error.code(),
            Self::Listed { .. } => Code::TESTNET_FLAGS,
            Self::Short { .. } => Code::TESTNET_SHORT,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Problems(_) | Self::Listed { .. } | Self::Short { .. } => Fault::Input,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::File(error) => error.cure(),
            Self::Problems(error) => error.cure(),
            Self::Listed { flag, role, .. } => {
                format!("Leave {flag} out, or every [[node]] that is a {}.", role.name())
            }
            Self::Short { needs, .. } => {
                format!("Give --epochs {needs}, or change the assertion's epochs.")
            }
        }
    }

    fn each(&self) -> Vec<Told> {
        match self {
            Self::Problems(error) => error.each(),
            _ => vec![self.told()],
        }
    }
}

/// The node's name that a wrong one most likely stands for, as the end of a sentence.
#[must_use]
pub fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(wrong, names.clone()) {
        Some(meant) => format!("Did you mean {meant}?"),
        None => format!("There are {}.", names.collect::<Vec<_>>().join(", ")),
    }
}

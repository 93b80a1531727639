//! The manifest as people write it: commented TOML, read back with every problem named.
//!
//! The file is only a form of [`ganglion_types::Manifest`]; the subnet id is the hash of the latter's
//! canonical bytes, so comments, order of fields and layout never matter. Every field must be
//! given: a default that a later version changed would otherwise change the id of an old file.

pub mod fields;
mod parse;
mod render;
mod timetable;

use std::path::Path;

use ganglion_types::Manifest;

use crate::document::Problems;
use crate::fault::{Curable, Fault};
use crate::files::{self, FileError};

pub use parse::{Genesis, parse, parse_genesis};
pub use render::{render, render_genesis};
pub use timetable::{Committee, Moment, timetable};

/// A manifest of 4096 participants takes about 1.3 MiB.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why a file is no manifest that can be run.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It breaks rules.
    #[error(transparent)]
    Problems(#[from] Problems),
}

impl Curable for ManifestError {
    fn fault(&self) -> Fault {
        match self {
            Self::File(error) => error.fault(),
            Self::Problems(error) => error.fault(),
        }
    }

    fn cure(&self) -> Option<String> {
        match self {
            Self::File(FileError::Missing { .. }) => {
                Some("Check the path, or write a manifest with `ganglion subnet new`.".into())
            }
            Self::File(error) => error.cure(),
            Self::Problems(error) => error.cure(),
        }
    }

    fn each(&self) -> Vec<(String, Option<String>)> {
        match self {
            Self::File(_) => vec![(self.to_string(), self.cure())],
            Self::Problems(error) => error.each(),
        }
    }
}

/// Reads the manifest in `path`.
///
/// # Errors
/// When the file cannot be read, or with every problem in it.
pub fn load(path: &Path) -> Result<Manifest, ManifestError> {
    let text = files::read_text(path, BYTES_MAX)?;
    Ok(parse(&path.display().to_string(), &text)?)
}

/// Reads a file of `[[validator]]`, `[[miner]]` and `[[account]]` tables.
///
/// # Errors
/// When the file cannot be read, or with every problem in it.
pub fn load_genesis(path: &Path) -> Result<Genesis, ManifestError> {
    let text = files::read_text(path, BYTES_MAX)?;
    Ok(parse_genesis(&path.display().to_string(), &text)?)
}

//! What can go wrong, as facts.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A part of the data directory that can be damaged by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `state/`: the tables. Rebuilt from the certificate log.
    State,
    /// `certificates.log`: every certified epoch. Mended from peers.
    CertificateLog,
    /// `agreement-<epoch>.log`: what this node has said at one height.
    AgreementLog,
    /// `watermark`: how far this node has signed.
    Watermark,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::State => "state",
            Self::CertificateLog => "certificate log",
            Self::AgreementLog => "agreement log",
            Self::Watermark => "watermark",
        })
    }
}

/// How a part is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file is not there though others show that it was.
    #[error("the file is missing")]
    Missing,
    /// The head of the file is not one of ours.
    #[error("the header does not hold")]
    Header,
    /// The record of this epoch does not hold though a later one exists or existed.
    #[error("the record of epoch {epoch} at byte {offset} does not hold")]
    Record {
        /// Epoch of the first record that is lost.
        epoch: u64,
        /// Where it begins in the file.
        offset: u64,
    },
    /// A row does not match its checksum or its key.
    #[error("a row of table {table} does not hold")]
    Row {
        /// Name of the table.
        table: &'static str,
    },
    /// A row that must be there is gone.
    #[error("the row of epoch {epoch} in table {table} is gone")]
    Gone {
        /// Name of the table.
        table: &'static str,
        /// Epoch whose row is gone.
        epoch: u64,
    },
    /// Rows of the chain state are gone or stale: the sum over all of them is not the one last written.
    #[error("the {rows} rows of the chain state do not add up")]
    Sum {
        /// Rows found.
        rows: u64,
    },
    /// The chain state is of an earlier epoch than the items that are left lead on from.
    #[error("it is of epoch {applied}, and the certificate log has items from epoch {from} on")]
    Behind {
        /// Epoch of the state.
        applied: u64,
        /// First epoch with items.
        from: u64,
    },
    /// There are rows but no schema number.
    #[error("there are rows but no schema number")]
    Schema,
    /// The database refused, in its own words.
    #[error("the database says: {0}")]
    Database(String),
    /// The database did not finish opening in time.
    #[error("the database did not open within {seconds} s")]
    Stuck {
        /// How long it was given.
        seconds: u64,
    },
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing was ever initialised here, or initialising was interrupted.
    #[error("{} holds no node data; create it with `ganglion init`", dir.display())]
    NotInitialised {
        /// The data directory.
        dir: PathBuf,
    },
    /// There is something that a new start would destroy.
    #[error("{} already holds node data; choose another directory", dir.display())]
    AlreadyInitialised {
        /// The data directory.
        dir: PathBuf,
    },
    /// Another process has the directory.
    #[error(
        "{} is in use{}; stop that node or choose another directory", dir.display(),
        pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The process that wrote the lock file, if it could be read.
        pid: Option<u32>,
    },
    /// The directory belongs to another subnet.
    #[error("{} belongs to another subnet; choose another directory", dir.display())]
    OtherSubnet {
        /// The data directory.
        dir: PathBuf,
    },
    /// Written by a newer release.
    #[error("the {part} has format {found}, this release knows {known}; run the newer release")]
    Newer {
        /// What is newer.
        part: Part,
        /// Format number found.
        found: u32,
        /// Newest format number known.
        known: u32,
    },
    /// Something on the disk is not what was written.
    #[error("the {part} in {} is damaged: {damage}; {}", dir.display(), cure(*part))]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What is damaged.
        part: Part,
        /// How.
        damage: Damage,
    },
    /// The operating system refused.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
}

fn cure(part: Part) -> &'static str {
    match part {
        Part::State => "move it aside and it is rebuilt from the certificate log",
        Part::CertificateLog => {
            "stop the node and run `ganglion recover`: it keeps the epochs before the damage, the others come from peers"
        }
        Part::AgreementLog | Part::Watermark => {
            "the node signs nothing at that epoch and follows by certificate"
        }
    }
}

impl OpenError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn damaged(dir: &Path, part: Part, damage: Damage) -> Self {
        Self::Damaged { dir: dir.to_owned(), part, damage }
    }

    /// Whether [`crate::quarantine`] and a second open mend it: only the state is hurt, and the log has everything.
    #[must_use]
    pub fn is_rebuildable(&self) -> bool {
        matches!(self, Self::Damaged { part: Part::State, .. })
    }
}

/// Why a call on an open store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An earlier write or sync failed; nothing may be written, so nothing may be signed, until a restart.
    #[error("the store is closed for writing since an earlier failure ({first}); restart the node")]
    Poisoned {
        /// The first failure, as text.
        first: String,
        /// Whether it was that the medium takes no writes, see [`StoreError::is_full`].
        full: bool,
    },
    /// The operating system refused.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// The database refused or panicked.
    #[error("the state database failed: {reason}")]
    Database {
        /// Its own words.
        reason: String,
        /// Whether the medium is full or read-only.
        full: bool,
    },
    /// What was read is not what was written, or is gone.
    #[error("the {part} is damaged: {damage}; {}", cure(*part))]
    Damaged {
        /// What is damaged.
        part: Part,
        /// How.
        damage: Damage,
    },
    /// A key, value or record is over its bound.
    #[error("{bytes} bytes of {what} are over the limit of {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A table is at its bound and holds nothing old enough to go.
    #[error("table {table} is at its limit of {bytes_max} bytes")]
    Full {
        /// Name of the table.
        table: &'static str,
        /// The bound.
        bytes_max: u64,
    },
    /// Epochs are committed and begun one by one.
    #[error("epoch {epoch} is out of order, {expected} is next")]
    OutOfOrder {
        /// The epoch of the call.
        epoch: u64,
        /// The only epoch that would do.
        expected: u64,
    },
    /// The log holds other bytes for this epoch.
    #[error("epoch {epoch} is already in the certificate log with other bytes")]
    BundleDiffers {
        /// The epoch.
        epoch: u64,
    },
    /// A position may only go forward.
    #[error("position (round {round}, step {step}) lies before the one last written")]
    Backwards {
        /// Round of the call.
        round: u32,
        /// Step of the call.
        step: u8,
    },
    /// The records of this height are not whole: the node signs nothing at it.
    #[error("this node is mute: it cannot know what it signed{}", epoch.map(|e| format!(" up to epoch {e}")).unwrap_or_default())]
    Mute {
        /// The last epoch at which it must stay silent; unknown if the watermark is gone.
        epoch: Option<u64>,
    },
}

impl StoreError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Whether the medium takes no writes for now (full, over its quota, read-only): the cure is room, and opening anew.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => crate::disk::takes_no_writes(source),
            Self::Database { full, .. } | Self::Poisoned { full, .. } => *full,
            _ => false,
        }
    }

    /// Whether a write or sync failed, after which the store takes no more writes.
    #[must_use]
    pub(crate) fn poisons(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Database { .. } | Self::Damaged { .. })
    }
}

//! Puts a proof together from what a node has stored.

use std::sync::Arc;

use ganglion_consensus::proof::{members_of, row_owner};
use ganglion_persist::snapshots::read_committee;
use ganglion_persist::{StoredResult, committee_of};
use ganglion_storage::{Reader, StoreError};
use ganglion_types::proof::LINKS_MAX;
use ganglion_types::{
    Canonical, Certificate, CommitteeMembers, Cut, DecodeError, Digest, Epoch, EpochLink,
    EpochProof, Hotkey, Manifest, limits, merkle, proto,
};
use prost::Message as _;

use crate::audit::{ASK_AN_ARCHIVE, AuditError, Replay};
use crate::fault::store::of_the_store;
use crate::fault::{Code, Curable, Fault};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Not decided here, or before the checkpoint.
    #[error("epoch {epoch} cannot be proven here: this node has epochs {first} to {last}")]
    NotHere {
        /// The epoch.
        epoch: Epoch,
        /// The checkpoint.
        first: Epoch,
        /// The last one.
        last: Epoch,
    },
    /// Before the first epoch here.
    #[error(
        "the cut of epoch {from} is not here: this node began with a snapshot of epoch {first}"
    )]
    TooEarly {
        /// The checkpoint.
        from: Epoch,
        /// The first epoch here.
        first: Epoch,
    },
    /// Too far from the checkpoint.
    #[error("there are more than {LINKS_MAX} epochs between the checkpoint and epoch {epoch}")]
    TooFar {
        /// The epoch.
        epoch: Epoch,
    },
    /// Its rows were pruned.
    #[error("the rows of epoch {epoch} are not kept here any more")]
    Pruned {
        /// The epoch.
        epoch: Epoch,
    },
    /// It held no uid.
    #[error("{hotkey} has no row in epoch {epoch}")]
    NoRow {
        /// The epoch.
        epoch: Epoch,
        /// The hotkey.
        hotkey: Hotkey,
    },
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Bytes in the store cannot be read.
    #[error("epoch {epoch} in the store cannot be read: {source}")]
    Stored {
        /// The epoch.
        epoch: Epoch,
        /// What is wrong.
        source: DecodeError,
    },
    /// A committee had to be computed again, and could not.
    #[error("{0}")]
    Replay(#[from] AuditError),
}

impl BuildError {
    /// Whether other nodes may still have what is missing.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::TooEarly { .. } | Self::Pruned { .. } | Self::Replay(AuditError::Pruned { .. })
        )
    }
}

impl Curable for BuildError {
    fn code(&self) -> Code {
        match self {
            Self::NotHere { .. } => Code::EPOCH_NOT_HERE,
            Self::TooEarly { .. } | Self::Pruned { .. } => Code::EPOCH_PRUNED,
            Self::TooFar { .. } => Code::PROOF_TOO_FAR,
            Self::NoRow { .. } => Code::PROOF_NO_ROW,
            Self::Store(error) => of_the_store(error),
            Self::Stored { .. } => Code::EPOCH_UNREADABLE,
            Self::Replay(error) => error.code(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotHere { .. }
            | Self::TooEarly { .. }
            | Self::Pruned { .. }
            | Self::TooFar { .. }
            | Self::NoRow { .. } => Fault::Input,
            Self::Replay(error) => error.fault(),
            _ => Fault::Environment,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::Pruned { .. } | Self::TooEarly { .. } => {
                format!("Start from a later epoch. Or: {ASK_AN_ARCHIVE}")
            }
            Self::Replay(error) => error.cure(),
            _ => self.code().cure().into(),
        }
    }
}

/// Proves the row of `hotkey` in `epoch` for whoever believes the cut of `from`.
///
/// Committees that were not kept are computed again, from the nearest snapshot on.
///
/// # Errors
/// See [`BuildError`].
pub fn build(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    from: Epoch,
    epoch: Epoch,
    hotkey: Hotkey,
) -> Result<EpochProof, BuildError> {
    let last = Epoch::new(reader.applied()?.unwrap_or(0));
    if epoch > last || from > epoch || epoch == Epoch::GENESIS {
        return Err(BuildError::NotHere { epoch, first: from, last });
    }
    let first = reader.certified().map_or(1, |(first, _)| first);
    if first > 1 && from.get() < first {
        return Err(BuildError::TooEarly { from, first: Epoch::new(first) });
    }
    let distance = usize::try_from(epoch.get().saturating_sub(from.get())).unwrap_or(usize::MAX);
    if distance > LINKS_MAX {
        return Err(BuildError::TooFar { epoch });
    }
    let checkpoint: Cut = stored(from, reader.cut(from.get())?)?;
    let links = links(reader, manifest, &checkpoint, epoch)?;
    let (row, proof) = row(reader, epoch, hotkey)?;
    let subnet = checkpoint.subnet;
    Ok(EpochProof { subnet, checkpoint, links, epoch, hotkey, row, merkle: proof })
}

pub(super) fn stored<T: Canonical>(epoch: Epoch, bytes: Option<Vec<u8>>) -> Result<T, BuildError> {
    T::from_bytes(&bytes.unwrap_or_default(), limits::AGREEMENT_BYTES)
        .map_err(|source| BuildError::Stored { epoch, source })
}

/// The epochs after the checkpoint. Certificates are left out where the committee stays, and so are
/// committees that are those of the epoch before.
fn links(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    checkpoint: &Cut,
    last: Epoch,
) -> Result<Vec<EpochLink>, BuildError> {
    let mut links: Vec<EpochLink> = Vec::new();
    let (mut root, mut told) = (checkpoint.next_committee_root, None);
    let mut committees = Committees { reader, manifest, replay: None };
    let mut epoch = checkpoint.epoch;
    while epoch < last {
        epoch = epoch.next();
        let cut: Cut = stored(epoch, reader.cut(epoch.get())?)?;
        let committee = match told == Some(root) {
            true => None,
            false => Some(committees.before(epoch, root)?),
        };
        told = Some(root);
        let needed = epoch == last || cut.next_committee_root != root;
        let certificate: Option<Certificate> = match needed {
            true => Some(stored(epoch, reader.certificate(epoch.get())?)?),
            false => None,
        };
        root = cut.next_committee_root;
        links.push(EpochLink { cut, certificate, committee });
    }
    Ok(links)
}

/// Finds committees by their root.
pub(super) struct Committees<'a> {
    pub(super) reader: &'a Reader,
    pub(super) manifest: &'a Arc<Manifest>,
    pub(super) replay: Option<Replay<'a>>,
}

impl Committees<'_> {
    /// The committee that closes `epoch`.
    pub(super) fn before(
        &mut self,
        epoch: Epoch,
        root: Digest,
    ) -> Result<CommitteeMembers, BuildError> {
        if let Some(bytes) = self.reader.committee(root.as_bytes())? {
            return stored(epoch, Some(bytes));
        }
        if let Some(bytes) = self.reader.committee_of_epoch(epoch.get())?
            && let Ok(committee) = proto::CommitteeMembers::decode(bytes.as_slice())
            && let Some(committee) = read_committee(&committee)
            && committee.digest() == root
        {
            return Ok(members_of(&committee));
        }
        let mut replay = match self.replay.take() {
            Some(replay) => replay,
            None => Replay::towards(self.reader, Arc::clone(self.manifest), epoch)?,
        };
        while replay.state().next_epoch() < epoch {
            replay.advance()?;
        }
        let committee = committee_of(replay.state()).map(|committee| members_of(&committee));
        self.replay = Some(replay);
        committee.ok_or(BuildError::Replay(AuditError::Manifest))
    }
}

/// The row of a hotkey, and its place under the result root.
fn row(
    reader: &Reader,
    epoch: Epoch,
    hotkey: Hotkey,
) -> Result<(Vec<u8>, merkle::MerkleProof), BuildError> {
    let StoredResult { header, rows, .. } = StoredResult::read(reader, epoch)?;
    let header = header.ok_or(BuildError::Pruned { epoch })?;
    let leaves: Vec<Vec<u8>> =
        std::iter::once(header).chain(rows.into_iter().map(|(_, row)| row)).collect();
    let owner = |row: &Vec<u8>| row_owner(row).is_some_and(|(_, owner)| owner == hotkey);
    let at = leaves.iter().position(owner).ok_or(BuildError::NoRow { epoch, hotkey })?;
    let proof = merkle::prove(&leaves, at).ok_or(BuildError::NoRow { epoch, hotkey })?;
    Ok((leaves.into_iter().nth(at).unwrap_or_default(), proof))
}

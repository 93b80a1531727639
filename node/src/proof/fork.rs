//! Two certified cuts of one epoch, found in a proof that somebody else made.

use std::sync::Arc;

use ganglion_consensus::certificate::verify_certificate;
use ganglion_consensus::proof::committee_of;
use ganglion_storage::Reader;
use ganglion_types::{Cut, Epoch, EpochProof, Fork, Manifest};

use super::BuildError;
use super::build::{Committees, stored};

/// Why a proof accuses nobody.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// Of another subnet.
    #[error("the proof is of another subnet")]
    Subnet,
    /// Nothing in it is about an epoch that is here.
    #[error("none of the proof's epochs is here, which has {first} to {last}")]
    NotHere {
        /// The first epoch here.
        first: Epoch,
        /// The last one.
        last: Epoch,
    },
    /// One history.
    #[error("every cut of the proof is the one that is here: there is no fork")]
    Same,
    /// A claim.
    #[error(
        "the proof has another cut of epoch {epoch}, and no certificate of those who closed it here"
    )]
    Unproven {
        /// The first epoch with another cut.
        epoch: Epoch,
    },
    /// The store has not what it needs.
    #[error("{0}")]
    Store(#[from] BuildError),
}

/// The first epoch of the proof that is certified here with another cut, with both certificates: more than a third of the
/// committee's stake has signed both, or has let others sign.
///
/// Nothing of the proof is believed but the certificate, which has to be by the committee that closed this epoch here. So
/// it need not start from anything that is known here, and a fork is found in the first epoch whose committee both histories share.
///
/// # Errors
/// See [`ForkError`].
pub fn fork(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    proof: &EpochProof,
) -> Result<Fork, ForkError> {
    let subnet = manifest.subnet_id();
    if proof.subnet != subnet {
        return Err(ForkError::Subnet);
    }
    let last = Epoch::new(reader.applied().map_err(BuildError::from)?.unwrap_or(0));
    let first = Epoch::new(reader.certified().map_or(1, |(first, _)| first));
    let mut committees = Committees { reader, manifest, replay: None };
    let (mut compared, mut other) = (false, None);
    for link in &proof.links {
        let epoch = link.cut.epoch;
        if epoch < first || epoch > last || link.cut.subnet != subnet {
            continue;
        }
        compared = true;
        let own: Cut = stored(epoch, reader.cut(epoch.get()).map_err(BuildError::from)?)?;
        let id = link.cut.id();
        if own.id() == id {
            continue;
        }
        other.get_or_insert(epoch);
        let Some(certificate) = link.certificate.as_ref().filter(|one| one.cut == id) else {
            continue;
        };
        let before = epoch.get().saturating_sub(1);
        let before: Cut =
            stored(Epoch::new(before), reader.cut(before).map_err(BuildError::from)?)?;
        let members = committees.before(epoch, before.next_committee_root)?;
        let Ok(committee) = committee_of(&members) else { continue };
        if verify_certificate(certificate, &subnet, epoch, &committee).is_ok() {
            let ours = reader.certificate(epoch.get()).map_err(BuildError::from)?;
            let ours = (own, stored(epoch, ours)?);
            return Ok(Fork::new(ours, (link.cut.clone(), certificate.clone())));
        }
    }
    Err(match (compared, other) {
        (false, _) => ForkError::NotHere { first, last },
        (true, None) => ForkError::Same,
        (true, Some(epoch)) => ForkError::Unproven { epoch },
    })
}

//! Whether a proof of one row proves it (`docs/spec/proofs.md`).
//!
//! What is believed beforehand is one cut id, the checkpoint. From there every committee follows from
//! the cut before, every cut from the signatures of its committee, and the row from the last cut.
//!
//! A certificate may be left out for a cut that keeps its committee: the committee that signs a later
//! cut of the same run signs the ids before it too, through `prev`. `docs/spec/proofs.md` says why that
//! is enough, and why no cut can be left out.
//!
//! Cost: about 45 us per signature, and a microsecond per ten items of a cut.

use ganglion_types::proof::ROW_BYTES_MAX;
use ganglion_types::{
    Certificate, CommitteeMembers, Cut, CutId, Epoch, EpochLink, EpochProof, Hotkey, SubnetId, Uid,
    merkle,
};

use crate::certificate::{CertificateError, Committee, CommitteeError, Member, verify_certificate};

/// What is believed before a proof is read: the cut of one epoch, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The epoch.
    pub epoch: Epoch,
    /// The id of its cut.
    pub cut: CutId,
}

/// Why a proof proves nothing. Each has a code of its own, which every verifier shares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It starts from another cut than the one believed.
    #[error("it starts from epoch {epoch}, cut {cut}, which is not the checkpoint")]
    Checkpoint {
        /// Where it starts.
        epoch: Epoch,
        /// The cut it starts from.
        cut: CutId,
    },
    /// A cut of another subnet.
    #[error("the cut of epoch {epoch} belongs to another subnet")]
    Subnet {
        /// The epoch the cut names.
        epoch: Epoch,
    },
    /// A cut is missing, or they are out of order.
    #[error("after epoch {before} comes a cut of epoch {found}")]
    Epoch {
        /// The epoch before.
        before: Epoch,
        /// The epoch found.
        found: Epoch,
    },
    /// A cut that does not follow on the one before.
    #[error("the cut of epoch {epoch} follows on another cut than the one before it")]
    Prev {
        /// Its epoch.
        epoch: Epoch,
    },
    /// Members other than the cut before says.
    #[error("the committee of epoch {epoch} is not the one that the cut before names")]
    Committee {
        /// The epoch it should close.
        epoch: Epoch,
    },
    /// A committee that nobody told.
    #[error("the committee of epoch {epoch} is missing")]
    CommitteeMissing {
        /// The epoch it should close.
        epoch: Epoch,
    },
    /// A certificate that may not be left out.
    #[error("the certificate of epoch {epoch} is missing")]
    CertificateMissing {
        /// The epoch.
        epoch: Epoch,
    },
    /// A certificate of another epoch.
    #[error("the certificate of epoch {epoch} is for epoch {found}")]
    CertificateEpoch {
        /// The epoch.
        epoch: Epoch,
        /// The epoch it names.
        found: Epoch,
    },
    /// A certificate of another cut.
    #[error("the certificate of epoch {epoch} is for another cut")]
    CertificateCut {
        /// The epoch.
        epoch: Epoch,
    },
    /// A signer outside the committee.
    #[error("{signer}, who signed for epoch {epoch}, is not in its committee")]
    Signer {
        /// The epoch.
        epoch: Epoch,
        /// The signer.
        signer: Hotkey,
    },
    /// Two thirds of stake or less.
    #[error("{held} of {total} rao signed for epoch {epoch}, which is no quorum")]
    Quorum {
        /// The epoch.
        epoch: Epoch,
        /// Stake that signed, in rao.
        held: u64,
        /// Stake of the committee, in rao.
        total: u64,
    },
    /// A signature that does not hold.
    #[error("the signature of {signer} for epoch {epoch} does not hold")]
    Signature {
        /// The epoch.
        epoch: Epoch,
        /// The signer.
        signer: Hotkey,
    },
    /// The row is said to be of an epoch that the cuts do not reach.
    #[error("the row is of epoch {epoch}, the last cut of epoch {found}")]
    Claim {
        /// The epoch of the row.
        epoch: Epoch,
        /// The epoch of the last cut.
        found: Epoch,
    },
    /// What should be a row is none.
    #[error("the row is no row of a result")]
    Row,
    /// Somebody else's row.
    #[error("the row is that of {found}")]
    Hotkey {
        /// Whose it is.
        found: Hotkey,
    },
    /// The row does not stand where it is said to.
    #[error("the row is not where it is said to be under the result root of epoch {epoch}")]
    Merkle {
        /// The epoch.
        epoch: Epoch,
    },
}

impl ProofError {
    /// The code that every verifier gives for this reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint { .. } => "checkpoint",
            Self::Subnet { .. } => "subnet",
            Self::Epoch { .. } => "epoch",
            Self::Prev { .. } => "prev",
            Self::Committee { .. } => "committee",
            Self::CommitteeMissing { .. } => "committee_missing",
            Self::CertificateMissing { .. } => "certificate_missing",
            Self::CertificateEpoch { .. } => "certificate_epoch",
            Self::CertificateCut { .. } => "certificate_cut",
            Self::Signer { .. } => "signer",
            Self::Quorum { .. } => "quorum",
            Self::Signature { .. } => "signature",
            Self::Claim { .. } => "claim",
            Self::Row => "row",
            Self::Hotkey { .. } => "hotkey",
            Self::Merkle { .. } => "merkle",
        }
    }
}

/// What a proof has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The epoch of the row.
    pub epoch: Epoch,
    /// Its cut.
    pub cut: CutId,
    /// The uid of the row.
    pub uid: Uid,
    /// Cuts after the checkpoint.
    pub cuts: usize,
    /// Certificates among them.
    pub certificates: usize,
    /// Signatures in those.
    pub signatures: usize,
    /// Different committees one after the other.
    pub committees: usize,
}

/// Checks a proof from the checkpoint on. That the checkpoint is right is for the caller to know.
///
/// # Errors
/// The first rule that is broken, in the order of `docs/spec/proofs.md`.
pub fn verify(proof: &EpochProof, checkpoint: Checkpoint) -> Result<Proven, ProofError> {
    let start = Checkpoint { epoch: proof.checkpoint.epoch, cut: proof.checkpoint.id() };
    if start != checkpoint {
        return Err(ProofError::Checkpoint { epoch: start.epoch, cut: start.cut });
    }
    if proof.checkpoint.subnet != proof.subnet {
        return Err(ProofError::Subnet { epoch: start.epoch });
    }
    let mut walk = Walk::from(&proof.checkpoint, start.cut);
    for (at, link) in proof.links.iter().enumerate() {
        let last = at.saturating_add(1) == proof.links.len();
        walk.step(&proof.subnet, link, last)?;
    }
    if proof.epoch != walk.cut.epoch {
        return Err(ProofError::Claim { epoch: proof.epoch, found: walk.cut.epoch });
    }
    let (uid, hotkey) = row_owner(&proof.row).ok_or(ProofError::Row)?;
    if hotkey != proof.hotkey {
        return Err(ProofError::Hotkey { found: hotkey });
    }
    // Leaf 0 is the header of the result, which is no row.
    let placed = proof.merkle.index > 0
        && merkle::verify_proof(&walk.cut.result_root, &proof.row, &proof.merkle);
    if !placed {
        return Err(ProofError::Merkle { epoch: proof.epoch });
    }
    let Walk { id, cuts, certificates, signatures, committees, .. } = walk;
    Ok(Proven { epoch: proof.epoch, cut: id, uid, cuts, certificates, signatures, committees })
}

/// The way along the cuts.
struct Walk<'a> {
    cut: &'a Cut,
    id: CutId,
    /// The committee that was told last.
    committee: Option<Committee>,
    cuts: usize,
    certificates: usize,
    signatures: usize,
    committees: usize,
}

impl<'a> Walk<'a> {
    const fn from(cut: &'a Cut, id: CutId) -> Self {
        Self { cut, id, committee: None, cuts: 0, certificates: 0, signatures: 0, committees: 0 }
    }

    fn step(
        &mut self,
        subnet: &SubnetId,
        link: &'a EpochLink,
        last: bool,
    ) -> Result<(), ProofError> {
        let (before, epoch) = (self.cut.epoch, link.cut.epoch);
        if link.cut.subnet != *subnet {
            return Err(ProofError::Subnet { epoch });
        }
        if before.get().checked_add(1) != Some(epoch.get()) {
            return Err(ProofError::Epoch { before, found: epoch });
        }
        if link.cut.prev != self.id {
            return Err(ProofError::Prev { epoch });
        }
        let committee = self.committee(epoch, link.committee.as_ref())?;
        let id = link.cut.id();
        match &link.certificate {
            Some(certificate) => {
                check_certificate(certificate, subnet, epoch, id, &committee)?;
                self.certificates = self.certificates.saturating_add(1);
                self.signatures = self.signatures.saturating_add(certificate.signatures.len());
            }
            None if last || link.cut.next_committee_root != committee.digest() => {
                return Err(ProofError::CertificateMissing { epoch });
            }
            None => {}
        }
        (self.cut, self.id, self.committee) = (&link.cut, id, Some(committee));
        self.cuts = self.cuts.saturating_add(1);
        Ok(())
    }

    /// The committee of `epoch`: the one told, else the last one, if it is the one that the cut before
    /// names.
    fn committee(
        &mut self,
        epoch: Epoch,
        told: Option<&CommitteeMembers>,
    ) -> Result<Committee, ProofError> {
        let root = self.cut.next_committee_root;
        match (told, self.committee.take()) {
            (Some(members), _) => {
                let committee =
                    committee_of(members).map_err(|_| ProofError::Committee { epoch })?;
                if committee.digest() != root {
                    return Err(ProofError::Committee { epoch });
                }
                self.committees = self.committees.saturating_add(1);
                Ok(committee)
            }
            (None, Some(committee)) if committee.digest() == root => Ok(committee),
            (None, _) => Err(ProofError::CommitteeMissing { epoch }),
        }
    }
}

/// The committee of these members.
///
/// # Errors
/// See [`CommitteeError`].
pub fn committee_of(members: &CommitteeMembers) -> Result<Committee, CommitteeError> {
    let members = members.0.iter().map(|(hotkey, stake)| Member { hotkey: *hotkey, stake: *stake });
    Committee::new(members)
}

/// The members of a committee as they are told.
#[must_use]
pub fn members_of(committee: &Committee) -> CommitteeMembers {
    let members = committee.members().iter();
    CommitteeMembers(members.map(|member| (member.hotkey, member.stake)).collect())
}

fn check_certificate(
    certificate: &Certificate,
    subnet: &SubnetId,
    epoch: Epoch,
    cut: CutId,
    committee: &Committee,
) -> Result<(), ProofError> {
    if certificate.epoch != epoch {
        return Err(ProofError::CertificateEpoch { epoch, found: certificate.epoch });
    }
    if certificate.cut != cut {
        return Err(ProofError::CertificateCut { epoch });
    }
    verify_certificate(certificate, subnet, epoch, committee).map_err(|error| match error {
        CertificateError::Epoch { found, .. } => ProofError::CertificateEpoch { epoch, found },
        // A decoded certificate names nobody twice.
        CertificateError::UnknownSigner { signer }
        | CertificateError::RepeatedSigner { signer } => ProofError::Signer { epoch, signer },
        CertificateError::BadSignature { signer } => ProofError::Signature { epoch, signer },
        CertificateError::TooLittleStake { held, total } => {
            ProofError::Quorum { epoch, held, total }
        }
    })
}

/// Uid and hotkey of a row, which are its fields 1 and 2, whatever fields follow; `None` unless the
/// bytes are one canonical message of numbers and byte strings.
#[must_use]
pub fn row_owner(row: &[u8]) -> Option<(Uid, Hotkey)> {
    if row.len() > ROW_BYTES_MAX {
        return None;
    }
    let (mut rest, mut before) = (row, 0);
    let (mut uid, mut hotkey) = (0, None);
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let (field, wire) = (tag >> 3, tag & 7);
        if field <= before {
            return None;
        }
        before = field;
        match (field, wire) {
            // A zero is left out, and fields 1 and 2 are what they are.
            (1, 0) => uid = varint(&mut rest).filter(|value| *value > 0)?,
            (2, 0) | (1, 2) => return None,
            (_, 0) => drop(varint(&mut rest).filter(|value| *value > 0)?),
            (_, 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                if bytes.is_empty() {
                    return None;
                }
                if field == 2 {
                    hotkey = Some(Hotkey::from_slice(bytes)?);
                }
            }
            _ => return None,
        }
    }
    Some((Uid::new(u16::try_from(uid).ok()?), hotkey?))
}

/// A number in as few bytes as it takes.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0_u32);
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let low = u64::from(byte & 0x7f);
        if shift > 63 || (shift == 63 && low > 1) || (shift > 0 && *byte == 0) {
            return None;
        }
        value |= low.checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift = shift.saturating_add(7);
    }
}

#[cfg(test)]
mod tests {
    use ganglion_types::proto;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn row(uid: u32, hotkey: Vec<u8>, paid: u64) -> Vec<u8> {
        proto::ResultRow { uid, hotkey, paid, active: true, ..Default::default() }.encode_to_vec()
    }

    #[test]
    fn the_owner_of_a_row_is_read_whatever_fields_follow() {
        let hotkey = Hotkey::new([7; 32]);
        for uid in [0, 1, 300, 65_535] {
            let mut bytes = row(uid, vec![7; 32], 1 << 40);
            let owner = Some((Uid::new(u16::try_from(uid).unwrap()), hotkey));
            assert_eq!(row_owner(&bytes), owner);
            // Field 200, a number, and field 201, bytes.
            bytes.extend([0xc0, 0x0c, 5, 0xca, 0x0c, 2, 1, 2]);
            assert_eq!(row_owner(&bytes), owner);
        }
    }

    #[test]
    fn what_is_no_canonical_row_is_refused() {
        let good = row(3, vec![7; 32], 9);
        let refused = |bytes: &[u8]| assert_eq!(row_owner(bytes), None, "{bytes:?}");
        refused(&[]);
        refused(&good[..good.len() - 1]);
        refused(&[good.as_slice(), &good].concat());
        refused(&row(65_536, vec![7; 32], 9));
        refused(&row(3, vec![7; 31], 9));
        refused(&row(3, Vec::new(), 9));
        // The header of a result: its second field is a number.
        let header = proto::ResultHeader {
            epoch: 3,
            budget: 5,
            emitted: 5,
            owner_part: 0,
            ..Default::default()
        };
        refused(&header.encode_to_vec());
        // A zero that is written, a number that is longer than it must be, another wire type.
        refused(&[good.as_slice(), &[0xc0, 0x0c, 0]].concat());
        refused(&[good.as_slice(), &[0xc0, 0x0c, 0x85, 0]].concat());
        refused(&[good.as_slice(), &[0xc1, 0x0c, 1, 2, 3, 4, 5, 6, 7, 8]].concat());
        refused(&[good.as_slice(), &[0xca, 0x0c, 0]].concat());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader_of_rows(bytes: Vec<u8>) {
            let _ = row_owner(&bytes);
        }
    }
}

//! What a third party needs to check one payment: `docs/spec/proofs.md`.
//!
//! ```text
//! checkpoint ◄─prev─ cut ◄─prev─ cut ◄─prev─ cut of epoch E ── result_root ◄─Merkle─ row of a hotkey
//!      └─next_committee_root─► committee ─signs─┘
//! ```
//! The types here say what a proof is made of; whether it proves anything is for
//! `ganglion_consensus::proof` to check.

use crate::codec::{self, Canonical, DecodeError};
use crate::cut::{Certificate, Cut};
use crate::ids::{Epoch, Hotkey, SubnetId};
use crate::merkle::MerkleProof;
use crate::{limits, proto};

/// Epochs between a checkpoint and the epoch that is proven.
pub const LINKS_MAX: usize = 65_536;
/// Bytes of one result row: an order of magnitude above the widest.
pub const ROW_BYTES_MAX: usize = 4_096;
/// The stake of a committee is below this: votes are counted in 64 bits, times three.
const STAKE_MAX: u64 = u64::MAX / 4;

/// The members of one committee with their stake in rao.
///
/// Invariants, once decoded: 1 to [`limits::COMMITTEE`] members, strictly rising by hotkey, every
/// stake above zero, together below 2^62 - 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeMembers(pub Vec<(Hotkey, u64)>);

impl Canonical for CommitteeMembers {
    type Proto = proto::CommitteeMembers;

    fn to_proto(&self) -> proto::CommitteeMembers {
        let members = self.0.iter().map(|(hotkey, stake)| proto::CommitteeMember {
            hotkey: hotkey.as_bytes().to_vec(),
            stake: *stake,
        });
        proto::CommitteeMembers { members: members.collect() }
    }

    fn from_proto(proto: proto::CommitteeMembers) -> Result<Self, DecodeError> {
        if proto.members.is_empty() || proto.members.len() > limits::COMMITTEE {
            return Err(DecodeError::field("members", "must be 1 to 256"));
        }
        let mut members: Vec<(Hotkey, u64)> = Vec::new();
        let mut total = 0_u64;
        for member in &proto.members {
            let hotkey = codec::hash32("hotkey", &member.hotkey, Hotkey::new)?;
            if members.last().is_some_and(|(before, _)| *before >= hotkey) {
                return Err(DecodeError::field("members", "must be strictly rising by hotkey"));
            }
            total = total.saturating_add(member.stake);
            if member.stake == 0 || total >= STAKE_MAX {
                return Err(DecodeError::field("stake", "must be above 0, and all below 2^62 - 1"));
            }
            members.push((hotkey, member.stake));
        }
        Ok(Self(members))
    }
}

/// One epoch of a chain of cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochLink {
    /// The cut.
    pub cut: Cut,
    /// Its certificate; may be left out where the next cut has the same committee.
    pub certificate: Option<Certificate>,
    /// The committee that closed this epoch; left out if it is that of the epoch before.
    pub committee: Option<CommitteeMembers>,
}

impl Canonical for EpochLink {
    type Proto = proto::EpochLink;

    fn to_proto(&self) -> proto::EpochLink {
        proto::EpochLink {
            cut: Some(self.cut.to_proto()),
            certificate: self.certificate.as_ref().map(Canonical::to_proto),
            committee: self.committee.as_ref().map(Canonical::to_proto),
        }
    }

    fn from_proto(proto: proto::EpochLink) -> Result<Self, DecodeError> {
        Ok(Self {
            cut: Cut::from_proto(proto.cut.ok_or(DecodeError::field("cut", "is missing"))?)?,
            certificate: proto.certificate.map(Certificate::from_proto).transpose()?,
            committee: proto.committee.map(CommitteeMembers::from_proto).transpose()?,
        })
    }
}

/// That one row stands in the certified result of one epoch, for whoever believes the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochProof {
    /// The subnet.
    pub subnet: SubnetId,
    /// The cut that is believed, by its id.
    pub checkpoint: Cut,
    /// The epochs after it, consecutive, up to the one that is proven; none to prove a row of the
    /// checkpoint itself. At most [`LINKS_MAX`].
    pub links: Vec<EpochLink>,
    /// The epoch of the row.
    pub epoch: Epoch,
    /// Whose row it is.
    pub hotkey: Hotkey,
    /// The row's canonical bytes. What they mean beyond uid and hotkey is for the ledger to say.
    pub row: Vec<u8>,
    /// The row's place under the result root of the last cut.
    pub merkle: MerkleProof,
}

impl Canonical for EpochProof {
    type Proto = proto::EpochProof;

    fn to_proto(&self) -> proto::EpochProof {
        proto::EpochProof {
            subnet: self.subnet.as_bytes().to_vec(),
            checkpoint: Some(self.checkpoint.to_proto()),
            links: self.links.iter().map(Canonical::to_proto).collect(),
            epoch: self.epoch.get(),
            hotkey: self.hotkey.as_bytes().to_vec(),
            row: self.row.clone(),
            merkle: Some(self.merkle.to_proto()),
        }
    }

    fn from_proto(proto: proto::EpochProof) -> Result<Self, DecodeError> {
        if proto.links.len() > LINKS_MAX {
            return Err(DecodeError::field("links", "has too many entries"));
        }
        if proto.row.len() > ROW_BYTES_MAX {
            return Err(DecodeError::field("row", "is too long"));
        }
        let missing = |field| DecodeError::field(field, "is missing");
        Ok(Self {
            subnet: codec::hash32("subnet", &proto.subnet, SubnetId::new)?,
            checkpoint: Cut::from_proto(proto.checkpoint.ok_or(missing("checkpoint"))?)?,
            links: proto.links.into_iter().map(EpochLink::from_proto).collect::<Result<_, _>>()?,
            epoch: Epoch::new(proto.epoch),
            hotkey: codec::hash32("hotkey", &proto.hotkey, Hotkey::new)?,
            row: proto.row,
            merkle: MerkleProof::from_proto(proto.merkle.ok_or(missing("merkle"))?)?,
        })
    }
}

/// Two cuts of one epoch, each with its certificate: the subnet has no truth any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The cut with the lower id, and its certificate.
    pub first: (Cut, Certificate),
    /// The other.
    pub second: (Cut, Certificate),
}

impl Fork {
    /// Puts the two in their one order.
    #[must_use]
    pub fn new(one: (Cut, Certificate), other: (Cut, Certificate)) -> Self {
        if one.0.id() <= other.0.id() {
            Self { first: one, second: other }
        } else {
            Self { first: other, second: one }
        }
    }
}

impl Canonical for Fork {
    type Proto = proto::Fork;

    fn to_proto(&self) -> proto::Fork {
        proto::Fork {
            first: Some(self.first.0.to_proto()),
            first_certificate: Some(self.first.1.to_proto()),
            second: Some(self.second.0.to_proto()),
            second_certificate: Some(self.second.1.to_proto()),
        }
    }

    fn from_proto(proto: proto::Fork) -> Result<Self, DecodeError> {
        let side = |cut: Option<proto::Cut>, certificate: Option<proto::Certificate>| {
            let cut = Cut::from_proto(cut.ok_or(DecodeError::field("cut", "is missing"))?)?;
            let missing = DecodeError::field("certificate", "is missing");
            let certificate = Certificate::from_proto(certificate.ok_or(missing)?)?;
            if certificate.epoch != cut.epoch || certificate.cut != cut.id() {
                return Err(DecodeError::field("certificate", "must be of its cut"));
            }
            Ok((cut, certificate))
        };
        let first = side(proto.first, proto.first_certificate)?;
        let second = side(proto.second, proto.second_certificate)?;
        if first.0.epoch != second.0.epoch || first.0.id() >= second.0.id() {
            return Err(DecodeError::field("second", "must be another cut of that epoch, by id"));
        }
        Ok(Self { first, second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &[(u8, u64)]) -> CommitteeMembers {
        CommitteeMembers(
            list.iter().map(|(key, stake)| (Hotkey::new([*key; 32]), *stake)).collect(),
        )
    }

    #[test]
    fn only_what_can_be_a_committee_decodes() {
        let good = members(&[(1, 5), (2, 7)]);
        assert_eq!(CommitteeMembers::from_bytes(&good.to_bytes(), 4_096), Ok(good));
        for bad in [
            members(&[]),
            members(&[(2, 5), (1, 7)]),
            members(&[(1, 5), (1, 7)]),
            members(&[(1, 0)]),
            members(&[(1, STAKE_MAX)]),
            members(&[(1, STAKE_MAX - 1), (2, 1)]),
            members(&[(1, u64::MAX), (2, 9)]),
            CommitteeMembers(
                (0..257_u64)
                    .map(|n| {
                        let mut key = [0; 32];
                        key[..8].copy_from_slice(&n.to_be_bytes());
                        (Hotkey::new(key), 1)
                    })
                    .collect(),
            ),
        ] {
            assert!(CommitteeMembers::from_bytes(&bad.to_bytes(), 1 << 16).is_err(), "{bad:?}");
        }
    }
}

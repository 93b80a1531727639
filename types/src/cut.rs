//! Which inputs count for one epoch, and the proof that the committee agreed.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{CutId, Digest, Epoch, Hotkey, ItemId, Round, Signature, SubnetId};
use crate::item::Item;
use crate::planted::{self, Bug};
use crate::sign::tagged_hash;
use crate::{limits, proto};

/// The inputs of one epoch and the roots of what they mean.
///
/// Everything after a cut is a pure function of it and of the state before it, so the roots ride
/// along and one certificate covers inputs and results.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The subnet.
    pub subnet: SubnetId,
    /// The epoch it closes.
    pub epoch: Epoch,
    /// The cut of the epoch before.
    pub prev: CutId,
    /// Cited inclusion lists, strictly rising.
    pub lists: Vec<ItemId>,
    /// Items that count, strictly rising.
    pub items: Vec<ItemId>,
    /// Stake-weighted median of the cited lists' clocks, at least the previous + 1. Unix
    /// milliseconds. Information: no rule reads it.
    pub time: u64,
    /// Digest of an external registry snapshot, zero without one.
    pub registry: Digest,
    /// Merkle root of the epoch's result.
    pub result_root: Digest,
    /// Merkle root of the state after the epoch.
    pub state_root: Digest,
    /// Digest of the committee that closes the next epoch.
    pub next_committee_root: Digest,
}

impl Cut {
    /// Hash of the canonical bytes. About a microsecond per ten items: keep it, do not recompute.
    #[must_use]
    pub fn id(&self) -> CutId {
        CutId::new(*tagged_hash("ganglion/cut", &[&self.to_bytes()]).as_bytes())
    }
}

impl Canonical for Cut {
    type Proto = proto::Cut;

    fn to_proto(&self) -> proto::Cut {
        let ids = |ids: &[ItemId]| ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        proto::Cut {
            subnet: self.subnet.as_bytes().to_vec(),
            epoch: self.epoch.get(),
            prev: self.prev.as_bytes().to_vec(),
            lists: ids(&self.lists),
            items: ids(&self.items),
            time: self.time,
            registry: self.registry.as_bytes().to_vec(),
            result_root: self.result_root.as_bytes().to_vec(),
            state_root: self.state_root.as_bytes().to_vec(),
            next_committee_root: self.next_committee_root.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::Cut) -> Result<Self, DecodeError> {
        let root = |field, bytes: &[u8]| codec::hash32(field, bytes, Digest::new);
        Ok(Self {
            subnet: codec::hash32("subnet", &proto.subnet, SubnetId::new)?,
            epoch: Epoch::new(proto.epoch),
            prev: codec::hash32("prev", &proto.prev, CutId::new)?,
            lists: codec::rising_ids("lists", &proto.lists, limits::COMMITTEE, ItemId::new)?,
            items: codec::rising_ids("items", &proto.items, limits::CUT_ITEMS, ItemId::new)?,
            time: proto.time,
            registry: root("registry", &proto.registry)?,
            result_root: root("result_root", &proto.result_root)?,
            state_root: root("state_root", &proto.state_root)?,
            next_committee_root: root("next_committee_root", &proto.next_committee_root)?,
        })
    }
}

/// Precommits of more than 2/3 of the committee's stake for one cut.
///
/// Any such set will do, so two honest nodes may hold different ones: nothing hashes, seeds or
/// anchors a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The epoch.
    pub epoch: Epoch,
    /// The round it was decided in.
    pub round: Round,
    /// The cut.
    pub cut: CutId,
    /// Signers and their precommit signatures, strictly rising by signer.
    pub signatures: Vec<(Hotkey, Signature)>,
}

pub(crate) fn signatures_to_proto(list: &[(Hotkey, Signature)]) -> Vec<proto::CutSignature> {
    list.iter()
        .map(|(signer, signature)| proto::CutSignature {
            signer: signer.as_bytes().to_vec(),
            signature: signature.as_bytes().to_vec(),
        })
        .collect()
}

pub(crate) fn signatures_from_proto(
    list: &[proto::CutSignature],
) -> Result<Vec<(Hotkey, Signature)>, DecodeError> {
    if list.len() > limits::COMMITTEE {
        return Err(DecodeError::field("signatures", "has too many entries"));
    }
    let list: Vec<(Hotkey, Signature)> = list
        .iter()
        .map(|entry| {
            let signer = codec::hash32("signer", &entry.signer, Hotkey::new)?;
            Ok((signer, codec::signature(&entry.signature)?))
        })
        .collect::<Result<_, DecodeError>>()?;
    let repeats = planted::is(Bug::SignerCountedTwice);
    if list.is_sorted_by(|a, b| a.0 < b.0 || (repeats && a.0 == b.0)) {
        Ok(list)
    } else {
        Err(DecodeError::field("signatures", "must be strictly rising by signer"))
    }
}

impl Canonical for Certificate {
    type Proto = proto::Certificate;

    fn to_proto(&self) -> proto::Certificate {
        proto::Certificate {
            epoch: self.epoch.get(),
            round: self.round.get(),
            cut: self.cut.as_bytes().to_vec(),
            signatures: signatures_to_proto(&self.signatures),
        }
    }

    fn from_proto(proto: proto::Certificate) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: Epoch::new(proto.epoch),
            round: Round::new(proto.round),
            cut: codec::hash32("cut", &proto.cut, CutId::new)?,
            signatures: signatures_from_proto(&proto.signatures)?,
        })
    }
}

/// One decided epoch with everything needed to check and re-execute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochBundle {
    /// The cut.
    pub cut: Cut,
    /// Its certificate.
    pub certificate: Certificate,
    /// The items the cut names, in its order.
    pub items: Vec<Item>,
}

impl Canonical for EpochBundle {
    type Proto = proto::EpochBundle;

    fn to_proto(&self) -> proto::EpochBundle {
        proto::EpochBundle {
            cut: Some(self.cut.to_proto()),
            certificate: Some(self.certificate.to_proto()),
            items: self.items.iter().map(Canonical::to_proto).collect(),
        }
    }

    fn from_proto(proto: proto::EpochBundle) -> Result<Self, DecodeError> {
        let cut = Cut::from_proto(proto.cut.ok_or(DecodeError::field("cut", "is missing"))?)?;
        let certificate =
            proto.certificate.ok_or(DecodeError::field("certificate", "is missing"))?;
        if proto.items.len() != cut.items.len() {
            return Err(DecodeError::field("items", "must be those of the cut"));
        }
        let items: Vec<Item> =
            proto.items.into_iter().map(Item::from_proto).collect::<Result<_, _>>()?;
        if items.iter().zip(&cut.items).any(|(item, id)| item.id() != *id) {
            return Err(DecodeError::field("items", "must be those of the cut, in its order"));
        }
        Ok(Self { cut, certificate: Certificate::from_proto(certificate)?, items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_with_unsorted_items_is_refused() {
        let cut = Cut {
            subnet: SubnetId::new([1; 32]),
            epoch: Epoch::new(1),
            prev: CutId::new([2; 32]),
            lists: vec![],
            items: vec![ItemId::new([1; 32]), ItemId::new([2; 32])],
            time: 5,
            registry: Digest::ZERO,
            result_root: Digest::ZERO,
            state_root: Digest::ZERO,
            next_committee_root: Digest::ZERO,
        };
        assert_eq!(Cut::from_bytes(&cut.to_bytes(), limits::AGREEMENT_BYTES), Ok(cut.clone()));
        let mut unsorted = cut.clone();
        unsorted.items.reverse();
        assert!(Cut::from_bytes(&unsorted.to_bytes(), limits::AGREEMENT_BYTES).is_err());
        assert_ne!(cut.id(), unsorted.id());
    }
}

//! The rows of each table, as canonical protobuf.

use ganglion_types::{
    Change, Coldkey, CutId, Digest, Epoch, ExternalPoint, Hotkey, Hyperparameters, Parameters,
    Phases, Rao, Role, Timing, Uid, proto,
};
use prost::Message;

use super::super::commits::Commit;
use super::super::external::External;
use super::super::former::Former;
use super::super::revision::Revision;
use super::super::state::{Account, Chain, Participant, RECENT_CUTS};
use crate::yuma::SparseRow;

/// A value that is stored as one row.
pub(super) trait Value: PartialEq + Sized {
    type Proto: Message + Default;
    fn to_proto(&self) -> Self::Proto;
    fn from_proto(proto: Self::Proto) -> Option<Self>;

    fn to_bytes(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let proto = Self::Proto::decode(bytes).map_err(|_| "is not the protobuf expected")?;
        let value = Self::from_proto(proto).ok_or("has a field out of range")?;
        if value.to_bytes() == bytes { Ok(value) } else { Err("is not in canonical form") }
    }
}

impl Value for Chain {
    type Proto = proto::ChainRow;

    fn to_proto(&self) -> proto::ChainRow {
        proto::ChainRow {
            epoch: self.epoch.get(),
            recent_cuts: self.recent_cuts.iter().map(|id| id.as_bytes().to_vec()).collect(),
            difficulty: self.difficulty,
            last_mechanism_step: self.last_mechanism_step.get(),
            emitted: self.emitted.get(),
            burned: self.burned.get(),
            time: self.time,
            registrations: self.registrations,
            burn_price: self.burn_price.get(),
            slashed: self.slashed.get(),
            next_revision: self.next_revision,
        }
    }

    fn from_proto(proto: proto::ChainRow) -> Option<Self> {
        if proto.recent_cuts.len() > RECENT_CUTS {
            return None;
        }
        let cuts = proto.recent_cuts.iter().map(|id| CutId::from_slice(id));
        Some(Self {
            epoch: Epoch::new(proto.epoch),
            recent_cuts: cuts.collect::<Option<_>>()?,
            difficulty: proto.difficulty,
            last_mechanism_step: Epoch::new(proto.last_mechanism_step),
            emitted: Rao::new(proto.emitted),
            burned: Rao::new(proto.burned),
            time: proto.time,
            registrations: proto.registrations,
            burn_price: Rao::new(proto.burn_price),
            slashed: Rao::new(proto.slashed),
            next_revision: proto.next_revision,
        })
    }
}

impl Value for Account {
    type Proto = proto::AccountRow;

    fn to_proto(&self) -> proto::AccountRow {
        proto::AccountRow { balance: self.balance.get(), nonce: self.nonce }
    }

    fn from_proto(proto: proto::AccountRow) -> Option<Self> {
        Some(Self { balance: Rao::new(proto.balance), nonce: proto.nonce })
    }
}

impl Value for Participant {
    type Proto = proto::ParticipantRow;

    fn to_proto(&self) -> proto::ParticipantRow {
        proto::ParticipantRow {
            hotkey: self.hotkey.as_bytes().to_vec(),
            coldkey: self.coldkey.as_bytes().to_vec(),
            role: self.role.number(),
            stake: self.stake.get(),
            permit: self.permit,
            last_update: self.last_update.get(),
            registered_at: self.registered_at.get(),
            seed: self.seed.as_bytes().to_vec(),
            seed_epoch: self.seed_epoch.get(),
            nonce: self.nonce,
            take: self.take.into(),
            take_raised_at: self.take_raised_at.get(),
            emission: self.emission.get(),
        }
    }

    fn from_proto(proto: proto::ParticipantRow) -> Option<Self> {
        Some(Self {
            hotkey: Hotkey::from_slice(&proto.hotkey)?,
            coldkey: Coldkey::from_slice(&proto.coldkey)?,
            role: Role::from_number(proto.role).ok()?,
            stake: Rao::new(proto.stake),
            permit: proto.permit,
            last_update: Epoch::new(proto.last_update),
            registered_at: Epoch::new(proto.registered_at),
            seed: Digest::from_slice(&proto.seed)?,
            seed_epoch: Epoch::new(proto.seed_epoch),
            nonce: proto.nonce,
            take: proto.take.try_into().ok()?,
            take_raised_at: Epoch::new(proto.take_raised_at),
            emission: Rao::new(proto.emission),
        })
    }
}

impl Value for Commit {
    type Proto = proto::CommitRow;

    fn to_proto(&self) -> proto::CommitRow {
        proto::CommitRow {
            hotkey: self.hotkey.as_bytes().to_vec(),
            commitment: self.commitment.as_bytes().to_vec(),
            seq: self.seq,
            seed: self.seed.as_bytes().to_vec(),
            seed_epoch: self.seed_epoch.get(),
        }
    }

    fn from_proto(proto: proto::CommitRow) -> Option<Self> {
        Some(Self {
            hotkey: Hotkey::from_slice(&proto.hotkey)?,
            commitment: Digest::from_slice(&proto.commitment)?,
            seq: proto.seq,
            seed: Digest::from_slice(&proto.seed)?,
            seed_epoch: Epoch::new(proto.seed_epoch),
        })
    }
}

impl Value for SparseRow {
    type Proto = proto::SparseRow;

    fn to_proto(&self) -> proto::SparseRow {
        proto::SparseRow {
            uids: self.iter().map(|entry| entry.0.into()).collect(),
            values: self.iter().map(|entry| entry.1.into()).collect(),
        }
    }

    fn from_proto(proto: proto::SparseRow) -> Option<Self> {
        if proto.uids.is_empty() || proto.uids.len() != proto.values.len() {
            return None;
        }
        let narrow = |value: &u32| u16::try_from(*value).ok();
        let entries = proto.uids.iter().zip(&proto.values);
        let row: Self = entries
            .map(|(uid, value)| Some((narrow(uid)?, narrow(value)?)))
            .collect::<Option<_>>()?;
        row.is_sorted_by(|a, b| a.0 < b.0).then_some(row)
    }
}

impl Value for Rao {
    type Proto = proto::AmountRow;

    fn to_proto(&self) -> proto::AmountRow {
        proto::AmountRow { amount: self.get() }
    }

    fn from_proto(proto: proto::AmountRow) -> Option<Self> {
        (proto.amount > 0).then_some(Self::new(proto.amount))
    }
}

impl Value for Former {
    type Proto = proto::FormerRow;

    fn to_proto(&self) -> proto::FormerRow {
        let successor = self.successor.map(|hotkey| hotkey.as_bytes().to_vec());
        proto::FormerRow { successor: successor.unwrap_or_default(), epoch: self.epoch.get() }
    }

    fn from_proto(proto: proto::FormerRow) -> Option<Self> {
        let successor = match proto.successor.as_slice() {
            [] => None,
            bytes => Some(Hotkey::from_slice(bytes)?),
        };
        Some(Self { successor, epoch: Epoch::new(proto.epoch) })
    }
}

impl Value for Parameters {
    type Proto = proto::ParametersRow;

    fn to_proto(&self) -> proto::ParametersRow {
        proto::ParametersRow {
            hyperparameters: Some(self.hyperparameters.to_proto()),
            epoch_ms: self.timing.epoch_ms,
            phases: Some(self.timing.phases.to_proto()),
        }
    }

    fn from_proto(proto: proto::ParametersRow) -> Option<Self> {
        let phases = Phases::from_proto(proto.phases?).ok()?;
        Some(Self {
            hyperparameters: Hyperparameters::from_proto(proto.hyperparameters?).ok()?,
            timing: Timing { epoch_ms: proto.epoch_ms, phases },
        })
    }
}

impl Value for Revision {
    type Proto = proto::RevisionRow;

    fn to_proto(&self) -> proto::RevisionRow {
        proto::RevisionRow {
            proposer: self.proposer.as_bytes().to_vec(),
            changes: self.changes.iter().map(Change::to_proto).collect(),
            effective: self.effective.get(),
            proposed_at: self.proposed_at.get(),
            approvals: self.approvals.iter().map(|key| key.as_bytes().to_vec()).collect(),
            approved_at: self.approved_at.map_or(0, Epoch::get),
        }
    }

    fn from_proto(proto: proto::RevisionRow) -> Option<Self> {
        let approvals = proto.approvals.iter().map(|key| Coldkey::from_slice(key));
        let approved_at = Epoch::new(proto.approved_at);
        Some(Self {
            proposer: Coldkey::from_slice(&proto.proposer)?,
            changes: proto.changes.iter().map(Change::from_proto).collect(),
            effective: Epoch::new(proto.effective),
            proposed_at: Epoch::new(proto.proposed_at),
            // A repeated or unordered coldkey does not come back in the same bytes.
            approvals: approvals.collect::<Option<_>>()?,
            approved_at: (approved_at != Epoch::GENESIS).then_some(approved_at),
        })
    }
}

impl Value for External {
    type Proto = proto::ExternalRow;

    fn to_proto(&self) -> proto::ExternalRow {
        proto::ExternalRow {
            height: self.point.height,
            block: self.point.block.as_bytes().to_vec(),
            digest: self.point.digest.as_bytes().to_vec(),
            permits: self.permits.iter().map(|uid| uid.get().into()).collect(),
        }
    }

    fn from_proto(proto: proto::ExternalRow) -> Option<Self> {
        let block = Digest::from_slice(&proto.block)?;
        let digest = Digest::from_slice(&proto.digest)?;
        let uid = |uid: &u32| u16::try_from(*uid).ok().map(Uid::new);
        // A repeated or unordered uid does not come back in the same bytes.
        let permits = proto.permits.iter().map(uid).collect::<Option<_>>()?;
        Some(Self { point: ExternalPoint { height: proto.height, block, digest }, permits })
    }
}

//! What an epoch decided, as the certificate covers it.

use ganglion_types::{Coldkey, Digest, Epoch, Hotkey, Rao, Uid, merkle, proto};
use prost::Message as _;

/// The result of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochResult {
    /// What holds for the epoch as a whole.
    pub header: ResultHeader,
    /// One row per uid held when Yuma ran, rising by uid.
    pub rows: Vec<ResultRow>,
}

/// What holds for an epoch as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResultHeader {
    /// The epoch.
    pub epoch: Epoch,
    /// What the manifest gives an epoch to pay out.
    pub budget: Rao,
    /// What was paid out: the budget, or nothing.
    pub emitted: Rao,
    /// How much of it went to the subnet's owner.
    pub owner_part: Rao,
    /// Paid for registrations in it, out of supply.
    pub burned: Rao,
    /// Taken for equivocation in it, out of supply.
    pub slashed: Rao,
}

/// What an epoch decided for one uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// The uid.
    pub uid: Uid,
    /// Who held it.
    pub hotkey: Hotkey,
    /// Its owner, who was paid all that its delegators were not.
    pub coldkey: Coldkey,
    /// What the uid earned, delegators included.
    pub paid: Rao,
    /// What of it went to delegators.
    pub delegated: Rao,
    /// Stake-weighted median weight, /65535, as every fraction below.
    pub consensus: u16,
    /// Share as a miner.
    pub incentive: u16,
    /// Share as a validator.
    pub dividends: u16,
    /// Part of a validator's weight that clipping left.
    pub validator_trust: u16,
    /// Share of stake.
    pub stake_weight: u16,
    /// Permit from the next epoch on, as Yuma gives it.
    pub validator_permit: bool,
    /// Whether it set weights within the activity cutoff.
    pub active: bool,
    /// Yuma's own truncated amounts in rao: shown, never credited.
    pub server_emission: u64,
    /// As above, for validating.
    pub validator_emission: u64,
    /// As above, for both.
    pub emission: u64,
}

impl EpochResult {
    /// Merkle root: leaf 0 is the header, then one leaf per row, so that one payment can be proven.
    #[must_use]
    pub fn root(&self) -> Digest {
        let header = std::iter::once(self.header.to_bytes());
        merkle::root(header.chain(self.rows.iter().map(ResultRow::to_bytes)))
    }

    /// The row of a uid.
    #[must_use]
    pub fn row(&self, uid: Uid) -> Option<&ResultRow> {
        let at = self.rows.binary_search_by_key(&uid, |row| row.uid).ok()?;
        self.rows.get(at)
    }
}

impl ResultHeader {
    /// The published message.
    #[must_use]
    pub fn to_proto(&self) -> proto::ResultHeader {
        proto::ResultHeader {
            epoch: self.epoch.get(),
            budget: self.budget.get(),
            emitted: self.emitted.get(),
            owner_part: self.owner_part.get(),
            burned: self.burned.get(),
            slashed: self.slashed.get(),
        }
    }

    /// The bytes of the leaf.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// Takes the leaf apart; `None` unless it is one, in its one encoding.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let proto = proto::ResultHeader::decode(bytes).ok()?;
        let header = Self {
            epoch: Epoch::new(proto.epoch),
            budget: Rao::new(proto.budget),
            emitted: Rao::new(proto.emitted),
            owner_part: Rao::new(proto.owner_part),
            burned: Rao::new(proto.burned),
            slashed: Rao::new(proto.slashed),
        };
        (header.to_bytes() == bytes).then_some(header)
    }
}

impl ResultRow {
    /// The published message.
    #[must_use]
    pub fn to_proto(&self) -> proto::ResultRow {
        proto::ResultRow {
            uid: self.uid.get().into(),
            hotkey: self.hotkey.as_bytes().to_vec(),
            coldkey: self.coldkey.as_bytes().to_vec(),
            paid: self.paid.get(),
            consensus: self.consensus.into(),
            incentive: self.incentive.into(),
            dividends: self.dividends.into(),
            validator_trust: self.validator_trust.into(),
            stake_weight: self.stake_weight.into(),
            validator_permit: self.validator_permit,
            active: self.active,
            server_emission: self.server_emission,
            validator_emission: self.validator_emission,
            emission: self.emission,
            delegated: self.delegated.get(),
        }
    }

    /// The bytes of the leaf.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// Takes the leaf apart; `None` unless it is one, in its one encoding.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let proto = proto::ResultRow::decode(bytes).ok()?;
        let narrow = |value: u32| u16::try_from(value).ok();
        let row = Self {
            uid: Uid::new(narrow(proto.uid)?),
            hotkey: Hotkey::from_slice(&proto.hotkey)?,
            coldkey: Coldkey::from_slice(&proto.coldkey)?,
            paid: Rao::new(proto.paid),
            consensus: narrow(proto.consensus)?,
            incentive: narrow(proto.incentive)?,
            dividends: narrow(proto.dividends)?,
            validator_trust: narrow(proto.validator_trust)?,
            stake_weight: narrow(proto.stake_weight)?,
            validator_permit: proto.validator_permit,
            active: proto.active,
            server_emission: proto.server_emission,
            validator_emission: proto.validator_emission,
            emission: proto.emission,
            delegated: Rao::new(proto.delegated),
        };
        (row.to_bytes() == bytes).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(uid: u16) -> ResultRow {
        ResultRow {
            uid: Uid::new(uid),
            hotkey: Hotkey::new([1; 32]),
            coldkey: Coldkey::new([2; 32]),
            paid: Rao::new(3),
            delegated: Rao::new(2),
            consensus: 4,
            incentive: 5,
            dividends: 6,
            validator_trust: 7,
            stake_weight: u16::MAX,
            validator_permit: true,
            active: false,
            server_emission: u64::MAX,
            validator_emission: 10,
            emission: 11,
        }
    }

    #[test]
    fn leaves_round_trip_and_have_one_encoding() {
        let row = row(9);
        assert_eq!(ResultRow::from_bytes(&row.to_bytes()), Some(row));
        assert_eq!(ResultRow::from_bytes(&[row.to_bytes(), vec![0x78, 1]].concat()), None);
        let header =
            ResultHeader { epoch: Epoch::new(4), budget: Rao::new(9), ..Default::default() };
        assert_eq!(ResultHeader::from_bytes(&header.to_bytes()), Some(header));
    }

    #[test]
    fn the_root_binds_header_and_rows() {
        let result = EpochResult { header: ResultHeader::default(), rows: vec![row(1), row(2)] };
        let mut other = result.clone();
        other.rows[1].paid = Rao::new(4);
        assert_ne!(other.root(), result.root());
        let mut other = result.clone();
        other.header.emitted = Rao::new(1);
        assert_ne!(other.root(), result.root());
        assert_eq!(result.row(Uid::new(2)).map(|row| row.uid.get()), Some(2));
        assert_eq!(result.row(Uid::new(3)), None);
    }
}

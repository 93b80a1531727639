//! A validator's row of weights: plain, or first hidden behind a commitment and shown later.
//!
//! ```text
//! commitment = H("ganglion/weight-commit", subnet, epoch u64 BE, mechid u32 BE, committer,
//!                row, score root, salt)                row: uid u16 BE ‖ value u16 BE per entry
//! salt       = H("ganglion/weight-salt", secret, subnet, epoch u64 BE, mechid u32 BE, seq u64 BE)
//! secret     = blake3 derive_key("ganglion weight salt v1", hotkey secret)
//! ```

use ed25519_dalek::SigningKey;

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Digest, Epoch, Hotkey, ItemId, SubnetId, Uid};
use crate::sign::tagged_hash;
use crate::{limits, merkle, proto};

/// One signed row of weights, plain (`commit_reveal = false`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The validator's hotkey.
    pub signer: Hotkey,
    /// Mechanism, 0 where there is one.
    pub mechid: u16,
    /// Epoch whose cut may hold it.
    pub epoch: Epoch,
    /// Number of this statement; the highest in a cut counts.
    pub seq: u64,
    /// `(uid, weight)`, strictly rising by uid.
    pub entries: Vec<(u16, u16)>,
    /// Element of the signer's task-seed chain for this epoch.
    pub task_preimage: Digest,
}

impl Canonical for Weights {
    type Proto = proto::Weights;

    fn to_proto(&self) -> proto::Weights {
        proto::Weights {
            signer: self.signer.as_bytes().to_vec(),
            mechid: self.mechid.into(),
            epoch: self.epoch.get(),
            seq: self.seq,
            uids: self.entries.iter().map(|entry| entry.0.into()).collect(),
            values: self.entries.iter().map(|entry| entry.1.into()).collect(),
            task_preimage: self.task_preimage.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::Weights) -> Result<Self, DecodeError> {
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            mechid: codec::u16_field("mechid", proto.mechid)?,
            epoch: Epoch::new(proto.epoch),
            seq: proto.seq,
            entries: sparse_row(&proto.uids, &proto.values)?,
            task_preimage: codec::hash32("task_preimage", &proto.task_preimage, Digest::new)?,
        })
    }
}

/// A row that nobody can read before its [`WeightReveal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightCommit {
    /// The validator's hotkey.
    pub signer: Hotkey,
    /// Mechanism, 0 where there is one.
    pub mechid: u16,
    /// Epoch whose cut may hold it.
    pub epoch: Epoch,
    /// Number of this statement; the highest in a cut counts.
    pub seq: u64,
    /// [`commitment`] of what the reveal shows.
    pub commitment: Digest,
}

impl Canonical for WeightCommit {
    type Proto = proto::WeightCommit;

    fn to_proto(&self) -> proto::WeightCommit {
        proto::WeightCommit {
            signer: self.signer.as_bytes().to_vec(),
            mechid: self.mechid.into(),
            epoch: self.epoch.get(),
            seq: self.seq,
            commitment: self.commitment.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::WeightCommit) -> Result<Self, DecodeError> {
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            mechid: codec::u16_field("mechid", proto.mechid)?,
            epoch: Epoch::new(proto.epoch),
            seq: proto.seq,
            commitment: codec::hash32("commitment", &proto.commitment, Digest::new)?,
        })
    }
}

/// Shows the row behind a [`WeightCommit`] of an earlier epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightReveal {
    /// The participant's present hotkey: another one than the committer after a rotation.
    pub signer: Hotkey,
    /// Mechanism of the commit.
    pub mechid: u16,
    /// Epoch of the commit.
    pub epoch: Epoch,
    /// Number of this statement.
    pub seq: u64,
    /// The hotkey that signed the commit.
    pub committer: Hotkey,
    /// `(uid, weight)`, strictly rising by uid.
    pub entries: Vec<(u16, u16)>,
    /// [`score_root`] of the scores behind the row.
    pub score_root: Digest,
    /// [`salt`] of the commit.
    pub salt: Digest,
    /// Element of the participant's task-seed chain for the commit's epoch.
    pub task_preimage: Digest,
}

impl WeightReveal {
    /// The [`commitment`] that this opens.
    #[must_use]
    pub fn commitment(&self, subnet: &SubnetId) -> Digest {
        let scope = CommitScope { epoch: self.epoch, mechid: self.mechid };
        commitment(subnet, scope, &self.committer, &self.entries, &self.score_root, &self.salt)
    }
}

impl Canonical for WeightReveal {
    type Proto = proto::WeightReveal;

    fn to_proto(&self) -> proto::WeightReveal {
        proto::WeightReveal {
            signer: self.signer.as_bytes().to_vec(),
            mechid: self.mechid.into(),
            epoch: self.epoch.get(),
            seq: self.seq,
            committer: self.committer.as_bytes().to_vec(),
            uids: self.entries.iter().map(|entry| entry.0.into()).collect(),
            values: self.entries.iter().map(|entry| entry.1.into()).collect(),
            score_root: self.score_root.as_bytes().to_vec(),
            salt: self.salt.as_bytes().to_vec(),
            task_preimage: self.task_preimage.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::WeightReveal) -> Result<Self, DecodeError> {
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            mechid: codec::u16_field("mechid", proto.mechid)?,
            epoch: Epoch::new(proto.epoch),
            seq: proto.seq,
            committer: codec::hash32("committer", &proto.committer, Hotkey::new)?,
            entries: sparse_row(&proto.uids, &proto.values)?,
            score_root: codec::hash32("score_root", &proto.score_root, Digest::new)?,
            salt: codec::hash32("salt", &proto.salt, Digest::new)?,
            task_preimage: codec::hash32("task_preimage", &proto.task_preimage, Digest::new)?,
        })
    }
}

/// What a commit is for, besides the subnet and the hotkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitScope {
    /// Epoch of the commit.
    pub epoch: Epoch,
    /// Mechanism.
    pub mechid: u16,
}

/// What a commit binds: subnet, epoch, mechanism, hotkey, row and scores, under a salt that keeps
/// rows from being guessed.
#[must_use]
pub fn commitment(
    subnet: &SubnetId,
    scope: CommitScope,
    committer: &Hotkey,
    row: &[(u16, u16)],
    score_root: &Digest,
    salt: &Digest,
) -> Digest {
    let entry = |(uid, value): &(u16, u16)| [uid.to_be_bytes(), value.to_be_bytes()].concat();
    let row: Vec<u8> = row.iter().flat_map(entry).collect();
    let parts: [&[u8]; 7] = [
        subnet.as_bytes(),
        &scope.epoch.get().to_be_bytes(),
        &u32::from(scope.mechid).to_be_bytes(),
        committer.as_bytes(),
        &row,
        score_root.as_bytes(),
        salt.as_bytes(),
    ];
    tagged_hash("ganglion/weight-commit", &parts)
}

/// The salt of one commit. It follows from the hotkey's secret, so that a node that lost its notes
/// finds it again, and nobody else can.
#[must_use]
pub fn salt(hotkey: &SigningKey, subnet: &SubnetId, scope: CommitScope, seq: u64) -> Digest {
    let secret = blake3::derive_key("ganglion weight salt v1", hotkey.as_bytes());
    let parts: [&[u8]; 5] = [
        &secret,
        subnet.as_bytes(),
        &scope.epoch.get().to_be_bytes(),
        &u32::from(scope.mechid).to_be_bytes(),
        &seq.to_be_bytes(),
    ];
    tagged_hash("ganglion/weight-salt", &parts)
}

/// Bytes of one leaf under a score root.
pub const SCORE_LEAF_BYTES: usize = 78;

/// One score as it stands under a row's `score_root`:
/// `task batch id 32 ‖ task index u32 BE ‖ uid u16 BE ‖ output digest 32 ‖ score i64 BE`, the score
/// in millionths.
#[must_use]
pub fn score_leaf(
    batch: &ItemId,
    task: u32,
    uid: Uid,
    output: &Digest,
    score: i64,
) -> [u8; SCORE_LEAF_BYTES] {
    let mut leaf = [0; SCORE_LEAF_BYTES];
    let parts: [&[u8]; 5] = [
        batch.as_bytes(),
        &task.to_be_bytes(),
        &uid.get().to_be_bytes(),
        output.as_bytes(),
        &score.to_be_bytes(),
    ];
    for (place, byte) in leaf.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    leaf
}

/// Merkle root over the sorted leaves; of no leaves where nothing was scored.
#[must_use]
pub fn score_root(mut leaves: Vec<[u8; SCORE_LEAF_BYTES]>) -> Digest {
    leaves.sort_unstable();
    merkle::root(leaves)
}

fn sparse_row(uids: &[u32], values: &[u32]) -> Result<Vec<(u16, u16)>, DecodeError> {
    if uids.len() != values.len() {
        return Err(DecodeError::field("values", "must be as many as uids"));
    }
    if uids.len() > limits::UIDS {
        return Err(DecodeError::field("uids", "has too many entries"));
    }
    if !uids.is_sorted_by(|a, b| a < b) {
        return Err(DecodeError::field("uids", "must be strictly rising"));
    }
    uids.iter()
        .zip(values)
        .map(|(uid, value)| {
            Ok((codec::u16_field("uids", *uid)?, codec::u16_field("values", *value)?))
        })
        .collect()
}

/// Scales a row so that its largest value is 65535, rounding half up; a row of zeros stays.
///
/// Bittensor's `vec_max_upscale_to_u16` in exact integers.
#[must_use]
pub fn max_upscale(row: &[(u16, u64)]) -> Vec<(u16, u16)> {
    let max = row.iter().map(|entry| entry.1).max().unwrap_or(0);
    if max == 0 {
        return row.iter().map(|entry| (entry.0, 0)).collect();
    }
    let (max, half) = (u128::from(max), u128::from(max >> 1));
    row.iter()
        .map(|(uid, value)| {
            // At most 2^64 * 2^16 + 2^63: no overflow, and the quotient is at most 65535.
            let scaled = u128::from(*value)
                .saturating_mul(65_535)
                .saturating_add(half)
                .checked_div(max)
                .unwrap_or(0);
            (*uid, u16::try_from(scaled).unwrap_or(u16::MAX))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_weight_becomes_65535() {
        assert_eq!(max_upscale(&[(0, 1), (1, 2), (2, 0)]), [(0, 32_768), (1, 65_535), (2, 0)]);
        assert_eq!(max_upscale(&[(3, u64::MAX), (4, 1)]), [(3, 65_535), (4, 0)]);
        assert_eq!(max_upscale(&[(0, 0)]), [(0, 0)]);
        assert_eq!(max_upscale(&[]), []);
    }

    const SUBNET: SubnetId = SubnetId::new([1; 32]);
    const SCOPE: CommitScope = CommitScope { epoch: Epoch::new(9), mechid: 0 };

    fn reveal() -> WeightReveal {
        let key = SigningKey::from_bytes(&[7; 32]);
        WeightReveal {
            signer: Hotkey::new([2; 32]),
            mechid: 0,
            epoch: Epoch::new(9),
            seq: 4,
            committer: Hotkey::new([3; 32]),
            entries: vec![(1, 65_535), (4, 9)],
            score_root: score_root(Vec::new()),
            salt: salt(&key, &SUBNET, SCOPE, 4),
            task_preimage: Digest::new([8; 32]),
        }
    }

    #[test]
    fn commits_and_reveals_round_trip() {
        let reveal = reveal();
        assert_eq!(WeightReveal::from_bytes(&reveal.to_bytes(), 1 << 10), Ok(reveal.clone()));
        let commit = WeightCommit {
            signer: reveal.committer,
            mechid: 0,
            epoch: reveal.epoch,
            seq: 4,
            commitment: reveal.commitment(&SUBNET),
        };
        assert_eq!(WeightCommit::from_bytes(&commit.to_bytes(), 1 << 10), Ok(commit));
    }

    #[test]
    fn a_commitment_binds_all_but_who_reveals_and_when() {
        let good = reveal();
        let bound = good.commitment(&SUBNET);
        for other in [
            WeightReveal { epoch: Epoch::new(8), ..good.clone() },
            WeightReveal { mechid: 1, ..good.clone() },
            WeightReveal { committer: Hotkey::new([4; 32]), ..good.clone() },
            WeightReveal { entries: vec![(1, 65_535), (4, 8)], ..good.clone() },
            WeightReveal { entries: vec![(1, 65_535)], ..good.clone() },
            WeightReveal { score_root: Digest::ZERO, ..good.clone() },
            WeightReveal { salt: Digest::ZERO, ..good.clone() },
        ] {
            assert_ne!(other.commitment(&SUBNET), bound, "{other:?}");
        }
        assert_ne!(good.commitment(&SubnetId::new([2; 32])), bound);
        let rotated = WeightReveal { signer: Hotkey::new([9; 32]), seq: 7, ..good };
        assert_eq!(rotated.commitment(&SUBNET), bound);
    }

    #[test]
    fn a_salt_is_of_one_key_subnet_epoch_mechanism_and_number() {
        let key = |byte| SigningKey::from_bytes(&[byte; 32]);
        let later = CommitScope { epoch: Epoch::new(10), ..SCOPE };
        let other = CommitScope { mechid: 1, ..SCOPE };
        let mut salts = vec![
            salt(&key(7), &SUBNET, SCOPE, 4),
            salt(&key(8), &SUBNET, SCOPE, 4),
            salt(&key(7), &SubnetId::new([2; 32]), SCOPE, 4),
            salt(&key(7), &SUBNET, later, 4),
            salt(&key(7), &SUBNET, other, 4),
            salt(&key(7), &SUBNET, SCOPE, 5),
        ];
        salts.sort_unstable();
        salts.dedup();
        assert_eq!(salts.len(), 6);
        // Another reader must come to these very bytes.
        assert_eq!(
            salt(&key(7), &SUBNET, SCOPE, 4).to_hex(),
            "ed82232553fe1a9652a22b2d7520711f268db10aa17e78b8ec37ad2937e61485"
        );
        assert_eq!(
            reveal().commitment(&SUBNET).to_hex(),
            "6cd5169dd79cf17d295e28c25d43be543095c0a7c52fed42795c8c3f829f77de"
        );
    }

    #[test]
    fn a_score_leaf_has_its_fields_at_fixed_places() {
        let batch = ItemId::new([1; 32]);
        let leaf = score_leaf(&batch, 2, Uid::new(3), &Digest::new([4; 32]), -5);
        assert_eq!(leaf[..32], [1; 32]);
        assert_eq!(leaf[32..38], [0, 0, 0, 2, 0, 3]);
        assert_eq!(leaf[38..70], [4; 32]);
        assert_eq!(leaf[70..], (-5_i64).to_be_bytes());
        let other = score_leaf(&batch, 1, Uid::new(3), &Digest::new([4; 32]), 5);
        assert_eq!(score_root(vec![leaf, other]), score_root(vec![other, leaf]));
        assert_eq!(score_root(Vec::new()), merkle::root::<[u8; 0]>([]));
    }

    #[test]
    fn unsorted_and_uneven_rows_are_refused() {
        assert!(sparse_row(&[1, 1], &[1, 2]).is_err());
        assert!(sparse_row(&[2, 1], &[1, 2]).is_err());
        assert!(sparse_row(&[1, 2], &[1]).is_err());
        assert!(sparse_row(&[1, 65_536], &[1, 1]).is_err());
        assert!(sparse_row(&[1, 2], &[1, 65_536]).is_err());
    }
}

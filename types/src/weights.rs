//! A validator's row of weights.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Digest, Epoch, Hotkey};
use crate::{limits, proto};

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

    #[test]
    fn unsorted_and_uneven_rows_are_refused() {
        assert!(sparse_row(&[1, 1], &[1, 2]).is_err());
        assert!(sparse_row(&[2, 1], &[1, 2]).is_err());
        assert!(sparse_row(&[1, 2], &[1]).is_err());
        assert!(sparse_row(&[1, 65_536], &[1, 1]).is_err());
        assert!(sparse_row(&[1, 2], &[1, 65_536]).is_err());
    }
}

//! What is anchored, byte for byte (`docs/spec/anchors.md`, section 1).
//!
//! ```text
//!   0    4    5     8        16       24       56         88             120                   152          184
//!   ├ magic ┼ 1 ┼ 0 0 0 ┼ first ┼ last ┼ subnet ┼ last cut ┼ result root ┼ next committee root ┼ range root ┤
//! ```
//! Numbers are big-endian. A single epoch is a range of one: its range root is that of one leaf, so that
//! one decision has one payload and whoever reads it can recompute all of it.

use ganglion_types::{Cut, CutId, Digest, Epoch, MerkleProof, SubnetId, merkle};

use crate::limits;

/// Begins every payload, so that it is known among other bytes of a chain.
pub const MAGIC: [u8; 4] = *b"GANC";

/// Layout of the bytes.
pub const VERSION: u8 = 1;

/// Length of every payload.
pub const PAYLOAD_BYTES: usize = 184;

/// Why bytes or cuts are no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Of another length.
    #[error("{0} bytes, where an anchor has {PAYLOAD_BYTES}")]
    Length(usize),
    /// Not begun by the magic.
    #[error("not the bytes of an anchor")]
    Magic,
    /// A version this code does not know, or reserved bytes that are not zero.
    #[error("an anchor of a version other than {VERSION}")]
    Version,
    /// No epochs, epochs of genesis, or more than [`limits::RANGE_EPOCHS`].
    #[error("epochs {first} to {last} are no range of at most {} epochs", limits::RANGE_EPOCHS)]
    Range {
        /// First epoch named.
        first: u64,
        /// Last epoch named.
        last: u64,
    },
    /// One epoch, whose range root is not that of its cut.
    #[error("the range root of a single epoch is not that of its cut")]
    RangeRoot,
    /// Cuts that do not name each other, or are of several subnets.
    #[error("the cut of epoch {0} does not follow the one before")]
    Chain(Epoch),
}

/// One statement about the epochs `first` to `last` of a subnet.
///
/// It names cuts and their roots and never a certificate: two honest nodes may hold different
/// signatures for one decision, and both have to anchor the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnchorPayload {
    subnet: SubnetId,
    first: Epoch,
    last: Epoch,
    last_cut: CutId,
    result_root: Digest,
    next_committee_root: Digest,
    range_root: Digest,
}

/// The part of a cut that an anchor speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutHead {
    /// The subnet.
    pub subnet: SubnetId,
    /// The epoch it closes.
    pub epoch: Epoch,
    /// Its id.
    pub cut: CutId,
    /// Merkle root of the epoch's result.
    pub result_root: Digest,
    /// Digest of the committee that closes the next epoch.
    pub next_committee_root: Digest,
}

impl CutHead {
    /// What an anchor says of `cut`.
    #[must_use]
    pub fn of(cut: &Cut) -> Self {
        Self {
            subnet: cut.subnet,
            epoch: cut.epoch,
            cut: cut.id(),
            result_root: cut.result_root,
            next_committee_root: cut.next_committee_root,
        }
    }
}

/// Merkle root over the ids of consecutive cuts. The number of leaves is part of it.
#[must_use]
pub fn range_root(cuts: &[CutId]) -> Digest {
    merkle::root(cuts.iter().map(|cut| cut.as_bytes()))
}

/// The inclusion path of the cut at place `index` of a range; `None` beyond its end.
#[must_use]
pub fn range_path(cuts: &[CutId], index: usize) -> Option<MerkleProof> {
    merkle::prove(cuts.iter().map(|cut| cut.as_bytes()), index)
}

impl AnchorPayload {
    /// The anchor of the epochs that end with `last`; `cuts` are the ids of all of them, in order, that of
    /// `last` included.
    ///
    /// # Errors
    /// [`PayloadError::Range`] for no cuts, too many, or more than there are epochs before; [`PayloadError::Chain`]
    /// if the last id is not that of `last`.
    pub fn new(cuts: &[CutId], last: &CutHead) -> Result<Self, PayloadError> {
        let count = u64::try_from(cuts.len()).unwrap_or(u64::MAX);
        let before = last.epoch.get().checked_sub(count);
        let first = before.map_or(0, |before| before.saturating_add(1));
        if cuts.last() != Some(&last.cut) && !cuts.is_empty() {
            return Err(PayloadError::Chain(last.epoch));
        }
        let payload = Self {
            subnet: last.subnet,
            first: Epoch::new(first),
            last: last.epoch,
            last_cut: last.cut,
            result_root: last.result_root,
            next_committee_root: last.next_committee_root,
            range_root: range_root(cuts),
        };
        if cuts.is_empty() {
            return Err(PayloadError::Range { first, last: last.epoch.get() });
        }
        payload.checked()
    }

    fn checked(self) -> Result<Self, PayloadError> {
        let (first, last) = (self.first.get(), self.last.get());
        let span = last.checked_sub(first).map(|span| span.saturating_add(1));
        if first == 0 || span.is_none_or(|span| span > limits::RANGE_EPOCHS) {
            return Err(PayloadError::Range { first, last });
        }
        if first == last && self.range_root != range_root(&[self.last_cut]) {
            return Err(PayloadError::RangeRoot);
        }
        Ok(self)
    }

    /// The bytes that stand on a chain.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PAYLOAD_BYTES] {
        let mut bytes = [0; PAYLOAD_BYTES];
        let parts: [&[u8]; 9] = [
            &MAGIC,
            &[VERSION, 0, 0, 0],
            &self.first.get().to_be_bytes(),
            &self.last.get().to_be_bytes(),
            self.subnet.as_bytes(),
            self.last_cut.as_bytes(),
            self.result_root.as_bytes(),
            self.next_committee_root.as_bytes(),
            self.range_root.as_bytes(),
        ];
        for (place, byte) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    /// Reads the bytes of [`AnchorPayload::to_bytes`] and nothing else.
    ///
    /// # Errors
    /// Says what the bytes are not. No error means that they are the only bytes of this payload, not that what
    /// they say is true: compare the cut ids with certified ones.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PayloadError> {
        let bytes: &[u8; PAYLOAD_BYTES] =
            bytes.try_into().map_err(|_| PayloadError::Length(bytes.len()))?;
        let mut rest = bytes.as_slice();
        if take::<4>(&mut rest) != MAGIC {
            return Err(PayloadError::Magic);
        }
        if take::<4>(&mut rest) != [VERSION, 0, 0, 0] {
            return Err(PayloadError::Version);
        }
        let first = Epoch::new(u64::from_be_bytes(take(&mut rest)));
        let last = Epoch::new(u64::from_be_bytes(take(&mut rest)));
        Self {
            subnet: SubnetId::new(take(&mut rest)),
            first,
            last,
            last_cut: CutId::new(take(&mut rest)),
            result_root: Digest::new(take(&mut rest)),
            next_committee_root: Digest::new(take(&mut rest)),
            range_root: Digest::new(take(&mut rest)),
        }
        .checked()
    }

    /// Builds a payload of fields that a chain keeps apart.
    ///
    /// # Errors
    /// As [`AnchorPayload::from_bytes`].
    pub fn from_fields(
        (first, last): (Epoch, Epoch),
        head: &CutHead,
        range_root: Digest,
    ) -> Result<Self, PayloadError> {
        Self {
            subnet: head.subnet,
            first,
            last,
            last_cut: head.cut,
            result_root: head.result_root,
            next_committee_root: head.next_committee_root,
            range_root,
        }
        .checked()
    }

    /// The subnet.
    #[must_use]
    pub const fn subnet(&self) -> SubnetId {
        self.subnet
    }

    /// The first epoch it speaks about.
    #[must_use]
    pub const fn first(&self) -> Epoch {
        self.first
    }

    /// The last one, whose cut it names in full.
    #[must_use]
    pub const fn last(&self) -> Epoch {
        self.last
    }

    /// Epochs it speaks about, at least 1.
    #[must_use]
    pub const fn span(&self) -> u64 {
        self.last.get().saturating_sub(self.first.get()).saturating_add(1)
    }

    /// Id of the cut of the last epoch.
    #[must_use]
    pub const fn last_cut(&self) -> CutId {
        self.last_cut
    }

    /// Result root of the last epoch.
    #[must_use]
    pub const fn result_root(&self) -> Digest {
        self.result_root
    }

    /// Committee that closes the epoch after the last.
    #[must_use]
    pub const fn next_committee_root(&self) -> Digest {
        self.next_committee_root
    }

    /// Root over the ids of all its cuts.
    #[must_use]
    pub const fn range_root(&self) -> Digest {
        self.range_root
    }

    /// Whether it speaks about `epoch`.
    #[must_use]
    pub fn covers(&self, epoch: Epoch) -> bool {
        (self.first..=self.last).contains(&epoch)
    }

    /// Whether `cut` is the one it says closed `epoch`. `path` may be left out for the last epoch, which is named in full.
    #[must_use]
    pub fn names(&self, epoch: Epoch, cut: &CutId, path: Option<&MerkleProof>) -> bool {
        if epoch == self.last && path.is_none() {
            return *cut == self.last_cut;
        }
        let (Some(path), true) = (path, self.covers(epoch)) else { return false };
        let place = epoch.get().saturating_sub(self.first.get());
        path.index == place
            && path.count == self.span()
            && merkle::verify_proof(&self.range_root, cut.as_bytes(), path)
    }

    /// Whether the two cannot both be true. Only known cut ids decide: two ranges that overlap without ending in the
    /// same epoch, or without beginning in the same one, may name the same cuts under different roots.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let same_end = self.subnet == other.subnet && self.last == other.last;
        let same_range = same_end && self.first == other.first;
        (same_end && self.last_cut != other.last_cut)
            || (same_range && self.range_root != other.range_root)
    }
}

/// The first `N` of the bytes left. The length was checked as a whole before.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk::<N>() {
        Some((head, tail)) => {
            *rest = tail;
            *head
        }
        None => [0; N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(count: u8) -> Vec<CutId> {
        (1..=count).map(|n| CutId::new([n; 32])).collect()
    }

    fn head(epoch: u64, cut: CutId) -> CutHead {
        CutHead {
            subnet: SubnetId::new([0xaa; 32]),
            epoch: Epoch::new(epoch),
            cut,
            result_root: Digest::new([0xbb; 32]),
            next_committee_root: Digest::new([0xcc; 32]),
        }
    }

    fn payload(count: u8, last: u64) -> AnchorPayload {
        let cuts = cuts(count);
        AnchorPayload::new(&cuts, &head(last, *cuts.last().unwrap())).unwrap()
    }

    #[test]
    fn every_epoch_of_a_range_is_named_by_its_path_and_no_other() {
        for count in 1..20_u8 {
            let (cuts, payload) = (cuts(count), payload(count, 100));
            assert_eq!(payload.span(), u64::from(count));
            for (index, cut) in cuts.iter().enumerate() {
                let epoch = Epoch::new(payload.first().get() + index as u64);
                let path = range_path(&cuts, index).unwrap();
                assert!(payload.names(epoch, cut, Some(&path)));
                assert!(!payload.names(epoch, &CutId::new([99; 32]), Some(&path)));
                assert!(!payload.names(epoch.next(), cut, Some(&path)), "another place");
                assert_eq!(payload.names(epoch, cut, None), epoch == payload.last());
            }
        }
    }

    #[test]
    fn a_shorter_tree_does_not_pass_for_a_range() {
        let all = cuts(4);
        let payload = payload(4, 100);
        // The same root over other counts does not exist, and a path of another count is refused before it is hashed.
        let path = range_path(&all[..2], 0).unwrap();
        assert!(!payload.names(payload.first(), &all[0], Some(&path)));
    }

    #[test]
    fn bytes_that_differ_in_any_place_are_another_payload_or_none() {
        let (one, many) = (payload(1, 7), payload(9, 70));
        for payload in [one, many] {
            let bytes = payload.to_bytes();
            assert_eq!(AnchorPayload::from_bytes(&bytes), Ok(payload));
            for at in 0..PAYLOAD_BYTES {
                let mut changed = bytes;
                changed[at] ^= 1;
                if let Ok(other) = AnchorPayload::from_bytes(&changed) {
                    assert_ne!(other, payload);
                    assert_eq!(other.to_bytes(), changed, "one payload, one encoding");
                }
            }
            assert_eq!(AnchorPayload::from_bytes(&bytes[..183]), Err(PayloadError::Length(183)));
            assert!(AnchorPayload::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
    }

    #[test]
    fn genesis_empty_and_overlong_ranges_are_refused() {
        let cut = CutId::new([1; 32]);
        let range = |result: Result<AnchorPayload, PayloadError>| {
            assert!(matches!(result, Err(PayloadError::Range { .. })), "{result:?}");
        };
        range(AnchorPayload::new(&[], &head(3, cut)));
        range(AnchorPayload::new(&[cut], &head(0, cut)));
        range(AnchorPayload::new(&[cut; 4], &head(3, cut)));
        let most = usize::try_from(limits::RANGE_EPOCHS).unwrap();
        assert!(AnchorPayload::new(&vec![cut; most], &head(1 << 40, cut)).is_ok());
        range(AnchorPayload::new(&vec![cut; most + 1], &head(1 << 40, cut)));
        let other = AnchorPayload::new(&[CutId::new([2; 32])], &head(3, cut));
        assert_eq!(other, Err(PayloadError::Chain(Epoch::new(3))));
    }

    #[test]
    fn a_single_epoch_has_only_the_root_of_its_cut() {
        let mut bytes = payload(1, 7).to_bytes();
        bytes[183] ^= 1;
        assert_eq!(AnchorPayload::from_bytes(&bytes), Err(PayloadError::RangeRoot));
    }

    #[test]
    fn only_other_cut_ids_contradict() {
        let (a, b) = (cuts(3), cuts(2));
        let of = |cuts: &[CutId], last: u64| {
            AnchorPayload::new(cuts, &head(last, *cuts.last().unwrap())).unwrap()
        };
        let whole = of(&a, 10);
        assert!(!whole.contradicts(&whole));
        assert!(!whole.contradicts(&of(&a[1..], 10)), "a part of it");
        assert!(!whole.contradicts(&of(&b, 9)), "another end");
        assert!(whole.contradicts(&of(&b, 10)), "another last cut");
        let mut inner = a.clone();
        inner[0] = CutId::new([77; 32]);
        assert!(whole.contradicts(&of(&inner, 10)), "another cut within");
        let elsewhere = AnchorPayload { subnet: SubnetId::new([1; 32]), ..of(&b, 10) };
        assert!(!whole.contradicts(&elsewhere), "another subnet");
    }
}

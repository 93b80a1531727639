//! How much a cut may hold, and what of the items that lists demand must be in.
//!
//! Whoever lists more than a list may name, or many versions of one thing, can make more demanded than
//! a cut has room for. So room is given in a fixed order, and what finds none need not be in: such a
//! cut is valid, and the rest is listed again. `docs/spec/ledger.md`, "Sizes", has the sums.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::{Body, Canonical, Epoch, Hotkey, Item, ItemId, Kind, limits};

/// Rows of weights, or commits, that one cut may hold of one signer and mechanism, and reveals of one
/// commit.
const WEIGHTS_MAX: usize = limits::CUT_FACTOR;
/// Pieces of evidence that one cut may hold.
const EVIDENCE_MAX: usize = limits::LIST_EVIDENCE * limits::CUT_FACTOR;
/// Operations that one cut may hold.
const OPERATIONS_MAX: usize = limits::LIST_OPERATIONS * limits::CUT_FACTOR;

/// What a signer says about weights: once per list, at most four times per cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Saying {
    pub(super) kind: Kind,
    signer: Hotkey,
    mechid: u16,
    epoch: Epoch,
}

impl Saying {
    /// With the number that it was said under; `None` for items that say nothing about weights.
    pub(super) fn of(item: &Item) -> Option<(Self, u64)> {
        let (signer, mechid, epoch, seq) = match item.body() {
            Body::Weights(body) => (body.signer, body.mechid, body.epoch, body.seq),
            Body::WeightCommit(body) => (body.signer, body.mechid, body.epoch, body.seq),
            Body::WeightReveal(body) => (body.signer, body.mechid, body.epoch, body.seq),
            _ => return None,
        };
        Some((Self { kind: item.kind(), signer, mechid, epoch }, seq))
    }
}

/// How many items of each kind a cut holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    weights: BTreeMap<Saying, usize>,
    operations: usize,
    evidence: usize,
    others: usize,
    bytes: usize,
}

/// A cut that holds too many items of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutSize {
    /// Rows of weights or commits of one signer and mechanism, or reveals of one commit.
    #[error("the cut holds {count} items of kind {} of {signer} for one epoch, over the limit of {limit}", kind.name())]
    Weights {
        /// Their kind.
        kind: Kind,
        /// The signer.
        signer: Hotkey,
        /// Items it has.
        count: usize,
        /// Items it may have.
        limit: usize,
    },
    /// Evidence.
    #[error("the cut holds {count} pieces of evidence, over the limit of {limit}")]
    Evidence {
        /// Pieces it has.
        count: usize,
        /// Pieces it may have.
        limit: usize,
    },
    /// Operations.
    #[error("the cut holds {count} operations, over the limit of {limit}")]
    Operations {
        /// Operations it has.
        count: usize,
        /// Operations it may have.
        limit: usize,
    },
    /// Bytes of all items together.
    #[error("the items of the cut have {bytes} bytes, over the limit of {limit}")]
    Bytes {
        /// Bytes they have.
        bytes: usize,
        /// Bytes they may have.
        limit: usize,
    },
    /// Items of a kind that no cut holds.
    #[error("the cut holds {count} items of kinds that no cut holds")]
    OtherKinds {
        /// How many.
        count: usize,
    },
}

impl KindCounts {
    /// Counts items, each of which must be given once.
    #[must_use]
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let mut counts = Self::default();
        for item in items {
            counts.add(item);
        }
        counts
    }

    /// Counts one more.
    pub fn add(&mut self, item: &Item) {
        let count = match (Saying::of(item), item.kind()) {
            (Some((saying, _)), _) => self.weights.entry(saying).or_default(),
            (None, Kind::RegistryOp) => &mut self.operations,
            (None, Kind::Evidence) => &mut self.evidence,
            (None, _) => &mut self.others,
        };
        *count = count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(item.encoded_len());
    }

    /// Whether a cut that holds these may hold one more such item.
    #[must_use]
    pub fn has_room_for(&self, item: &Item) -> bool {
        if self.bytes.saturating_add(item.encoded_len()) > limits::CUT_BYTES {
            return false;
        }
        match (Saying::of(item), item.kind()) {
            (Some((saying, _)), _) => {
                self.weights.get(&saying).is_none_or(|count| *count < WEIGHTS_MAX)
            }
            (None, Kind::RegistryOp) => self.operations < OPERATIONS_MAX,
            (None, Kind::Evidence) => self.evidence < EVIDENCE_MAX,
            (None, _) => false,
        }
    }

    /// Whether a cut may hold as many: [`limits::CUT_FACTOR`] times what one list may, of each kind,
    /// in [`limits::CUT_BYTES`].
    ///
    /// # Errors
    /// The first kind of which there are too many, then the bytes.
    pub fn check(&self) -> Result<(), CutSize> {
        let limit = WEIGHTS_MAX;
        if let Some((saying, count)) = self.weights.iter().find(|(_, count)| **count > limit) {
            let Saying { kind, signer, .. } = *saying;
            return Err(CutSize::Weights { kind, signer, count: *count, limit });
        }
        let (count, limit) = (self.evidence, EVIDENCE_MAX);
        if count > limit {
            return Err(CutSize::Evidence { count, limit });
        }
        let limit = OPERATIONS_MAX;
        if self.operations > limit {
            return Err(CutSize::Operations { count: self.operations, limit });
        }
        if self.others > 0 {
            return Err(CutSize::OtherKinds { count: self.others });
        }
        let (bytes, limit) = (self.bytes, limits::CUT_BYTES);
        if bytes > limit {
            return Err(CutSize::Bytes { bytes, limit });
        }
        Ok(())
    }
}

/// The ids of those `demanded` items that a cut must hold: each in turn that finds room, versions of
/// one saying after all others. `demanded` holds admissible items.
#[must_use]
pub fn required<'a>(demanded: impl IntoIterator<Item = &'a Item>) -> BTreeSet<ItemId> {
    given_room(demanded, &mut KindCounts::default()).into_iter().map(Item::id).collect()
}

/// The items that find room beside what `counts` holds, which then holds them too.
pub(super) fn given_room<'a>(
    items: impl IntoIterator<Item = &'a Item>,
    counts: &mut KindCounts,
) -> Vec<&'a Item> {
    let mut items = in_turn(items);
    items.retain(|item| {
        let fits = counts.has_room_for(item);
        if fits {
            counts.add(item);
        }
        fits
    });
    items
}

/// The order in which items are given room. What is small and bounded by number comes first, then rows
/// of weights, those of the oldest commits before the others because they expire first.
fn in_turn<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<&'a Item> {
    let mut versions: BTreeMap<Saying, BTreeSet<(Reverse<u64>, ItemId)>> = BTreeMap::new();
    let items: Vec<&Item> = items.into_iter().collect();
    for item in &items {
        if let Some((saying, seq)) = Saying::of(item) {
            versions.entry(saying).or_default().insert((Reverse(seq), item.id()));
        }
    }
    // The one that counts is the first of its versions, as in a list.
    let counts: BTreeSet<ItemId> =
        versions.values().filter_map(|ids| ids.first().map(|first| first.1)).collect();
    let turn = |item: &Item| {
        let id = item.id();
        let (rank, epoch) = match item.body() {
            Body::Evidence(evidence) if evidence.slashes() => (0, Epoch::GENESIS),
            Body::WeightCommit(_) => (1, Epoch::GENESIS),
            Body::RegistryOp(_) => (2, Epoch::GENESIS),
            Body::WeightReveal(reveal) => (3, reveal.epoch),
            Body::Weights(row) => (3, row.epoch),
            _ => (4, Epoch::GENESIS),
        };
        (Saying::of(item).is_some() && !counts.contains(&id), rank, epoch, id)
    };
    let turns: BTreeMap<_, _> = items.into_iter().map(|item| (turn(item), item)).collect();
    turns.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Subnet;
    use super::*;

    const MAX: u16 = 65_535;

    #[test]
    fn a_cut_may_hold_four_times_a_list_of_each_kind_and_no_more() {
        let subnet = Subnet::new(&[30], 2);
        let rows: Vec<Item> = (1..=5).map(|seq| subnet.weights(0, 1, seq, &[(2, MAX)])).collect();
        assert_eq!(KindCounts::of(&rows[..4]).check(), Ok(()));
        assert!(!KindCounts::of(&rows[..4]).has_room_for(&rows[4]));
        let reveals: Vec<Item> = (1..=5).map(|seq| subnet.reveal(0, 1, seq, &[(2, MAX)])).collect();
        assert!(!KindCounts::of(&reveals[..4]).has_room_for(&reveals[4]));
        assert!(KindCounts::of(&reveals).check().is_err());
        let other = subnet.reveal(0, 2, 1, &[(2, MAX)]);
        assert!(KindCounts::of(&reveals[..4]).has_room_for(&other), "of another commit");
        assert!(matches!(
            KindCounts::of(&rows).check(),
            Err(CutSize::Weights { count: 5, limit: 4, .. })
        ));
        let operation = subnet.transfer(1, 0, 0, 1);
        let mut counts = KindCounts::default();
        for _ in 0..1_024 {
            assert!(counts.has_room_for(&operation));
            counts.add(&operation);
        }
        assert_eq!(counts.check(), Ok(()));
        assert!(!counts.has_room_for(&operation));
        counts.add(&operation);
        assert_eq!(counts.check(), Err(CutSize::Operations { count: 1_025, limit: 1_024 }));
    }
}

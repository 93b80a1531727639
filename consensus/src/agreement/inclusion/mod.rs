//! What a cut must hold and may hold, from the inclusion lists it cites.
//!
//! Everything is a pure function of signed data, so a cut that leaves out what it must hold is
//! invalid for everybody, and its proposer signed the proof. Signatures of lists are checked on
//! arrival, not here; whether an item is admissible and all items are there, is for the caller.

mod check;
#[cfg(test)]
mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Body, Epoch, Hotkey, InclusionList, Item, ItemId, Kind, ListBody, limits};

pub use check::{CutContext, CutError, check_cut};

use crate::certificate::Committee;

/// Why a header and a body are no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The item is of another kind.
    #[error("the item is no inclusion list")]
    Kind,
    /// The body is another one, or holds another number of ids.
    #[error("the body is not the one that the list names")]
    Body,
}

/// An inclusion list held whole: a header, signed and verified by the caller, and the body it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    id: ItemId,
    header: InclusionList,
    body: ListBody,
}

impl List {
    /// Joins a header and its body.
    ///
    /// # Errors
    /// They do not belong together.
    pub fn new(item: &Item, body: ListBody) -> Result<Self, ListError> {
        let Body::InclusionList(header) = item.body() else { return Err(ListError::Kind) };
        let counted = usize::try_from(header.count) == Ok(body.ids().len());
        if !counted || header.body != body.digest() {
            return Err(ListError::Body);
        }
        Ok(Self { id: item.id(), header: header.clone(), body })
    }

    /// The id that cuts cite.
    #[must_use]
    pub const fn id(&self) -> ItemId {
        self.id
    }

    /// The signed header.
    #[must_use]
    pub const fn header(&self) -> &InclusionList {
        &self.header
    }

    /// Ids its signer held, strictly rising.
    #[must_use]
    pub fn items(&self) -> &[ItemId] {
        self.body.ids()
    }
}

/// The lists of `epoch` by members, one each: of two by one member, the lower id.
#[must_use]
pub fn by_member<'a>(
    committee: &Committee,
    epoch: Epoch,
    lists: impl IntoIterator<Item = &'a List>,
) -> BTreeMap<Hotkey, &'a List> {
    let mut chosen: BTreeMap<Hotkey, &List> = BTreeMap::new();
    for list in lists {
        let signer = list.header.signer;
        if list.header.epoch != epoch || committee.stake_of(&signer).is_none() {
            continue;
        }
        let seat = chosen.entry(signer).or_insert(list);
        if list.id < seat.id {
            *seat = list;
        }
    }
    chosen
}

/// Stake in rao of the members whose lists of `epoch` are held. Agreement starts once it is a
/// quorum.
#[must_use]
pub fn stake_held<'a>(
    committee: &Committee,
    epoch: Epoch,
    lists: impl IntoIterator<Item = &'a List>,
) -> u64 {
    committee.stake_of_all(by_member(committee, epoch, lists).keys())
}

/// Ids named by lists of more than 1/3 of the committee's stake: at least one honest member holds
/// each, so each can be fetched. `lists` holds at most one list per member.
#[must_use]
pub fn mandatory<'a>(
    committee: &Committee,
    lists: impl IntoIterator<Item = &'a List>,
) -> BTreeSet<ItemId> {
    let mut named: BTreeMap<ItemId, u64> = BTreeMap::new();
    for list in lists {
        let stake = committee.stake_of(&list.header.signer).unwrap_or(0);
        for id in list.items() {
            let held = named.entry(*id).or_insert(0);
            *held = held.saturating_add(stake);
        }
    }
    let named = named.into_iter().filter(|(_, held)| committee.exceeds_third(*held));
    let most = if planted::is(Bug::MandatoryCapped) { 4 } else { usize::MAX };
    named.map(|(id, _)| id).take(most).collect()
}

/// The time of a cut that cites `lists`, at most one per member: the lowest clock reading that
/// members with at least half of the cited stake do not exceed, but at least `previous` + 1. Unix
/// milliseconds.
///
/// With more than 2/3 of stake cited and less than 1/3 of it faulty, less than half of what is
/// cited is faulty, so the median lies between two honest clocks.
#[must_use]
pub fn median_time<'a>(
    committee: &Committee,
    lists: impl IntoIterator<Item = &'a List>,
    previous: u64,
) -> u64 {
    let mut readings: Vec<(u64, u64)> = lists
        .into_iter()
        .filter_map(|list| Some((list.header.time, committee.stake_of(&list.header.signer)?)))
        .collect();
    readings.sort_unstable();
    if planted::is(Bug::TimeOfFastest) {
        readings = readings.pop().into_iter().collect();
    }
    let total = readings.iter().fold(0_u64, |total, (_, stake)| total.saturating_add(*stake));
    let mut passed = 0_u64;
    let median = readings.into_iter().find(|(_, stake)| {
        passed = passed.saturating_add(*stake);
        // A committee's stake is below 2^62.
        passed.saturating_mul(2) >= total
    });
    median.map_or(0, |(time, _)| time).max(previous.saturating_add(1))
}

/// How many items of a kind one list may name; 0 for kinds that lists and cuts never name.
#[must_use]
pub const fn per_list(kind: Kind) -> usize {
    match kind {
        Kind::Weights | Kind::WeightCommit => limits::COMMITTEE,
        Kind::WeightReveal => limits::LIST_REVEALS,
        Kind::RegistryOp => limits::LIST_OPERATIONS,
        Kind::Evidence => limits::LIST_EVIDENCE,
        Kind::TaskBatch
        | Kind::OutputCommit
        | Kind::OutputBatch
        | Kind::PeerRecord
        | Kind::InclusionList
        | Kind::Vote
        | Kind::Proposal
        | Kind::Receipt => 0,
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::fixture::*;
    use super::*;

    #[test]
    fn header_and_body_belong_together() {
        let good = list(1, 100, &[1, 2]);
        let header = Body::InclusionList(good.header.clone());
        let item = Item::sign(SUBNET, header, &key(1));
        let other = ListBody::new(vec![super::fixture::item(1), super::fixture::item(3)]).unwrap();
        assert_eq!(List::new(&item, other), Err(ListError::Body));
        let miscounted = InclusionList { count: 3, ..good.header.clone() };
        let miscounted = Item::sign(SUBNET, Body::InclusionList(miscounted), &key(1));
        assert_eq!(List::new(&miscounted, good.body.clone()), Err(ListError::Body));
    }

    #[test]
    fn a_minority_cannot_move_the_median_out_of_the_honest_range() {
        let committee = committee(&[34, 33, 33]);
        for faulty in [0, u64::MAX] {
            let lists = [list(1, 1_000, &[]), list(2, 1_010, &[]), list(3, faulty, &[])];
            let time = median_time(&committee, &lists, 0);
            assert!((1_000..=1_010).contains(&time), "{time}");
        }
    }

    #[test]
    fn time_rises_even_if_the_clocks_do_not() {
        let committee = committee(&[10]);
        assert_eq!(median_time(&committee, &[list(1, 5, &[])], 100), 101);
        assert_eq!(median_time(&committee, &[], 100), 101);
        assert_eq!(median_time(&committee, &[list(1, 5, &[])], u64::MAX), u64::MAX);
    }

    #[test]
    fn of_two_lists_of_a_member_one_counts_once() {
        let committee = committee(&[10, 20]);
        let lists = [list(1, 100, &[1]), list(1, 101, &[2]), list(9, 100, &[]), list(2, 1, &[])];
        assert_eq!(stake_held(&committee, EPOCH, &lists[..3]), 10);
        assert_eq!(stake_held(&committee, EPOCH, &lists), 30);
        assert_eq!(stake_held(&committee, EPOCH.next(), &lists), 0);
        let chosen = by_member(&committee, EPOCH, &lists);
        let low = lists[0].id.min(lists[1].id);
        assert_eq!(chosen[&lists[0].header.signer].id, low);
    }

    proptest! {
        #[test]
        fn what_all_honest_members_hold_is_mandatory_in_any_valid_citation(
            stakes in proptest::collection::vec(1_u64..1_000, 4..8),
            want_left_out in proptest::collection::vec(any::<bool>(), 8),
            want_faulty in proptest::collection::vec(any::<bool>(), 8),
        ) {
            let committee = committee(&stakes);
            // As many as wanted, in order, while the bounds allow.
            let (mut left_out, mut faulty) = (0, 0);
            let mut is_cited = [true; 8];
            let mut is_faulty = [false; 8];
            for (at, stake) in stakes.iter().enumerate() {
                if want_left_out[at]
                    && committee.is_quorum(committee.total_stake() - left_out - stake)
                {
                    left_out += stake;
                    is_cited[at] = false;
                }
                if want_faulty[at] && (faulty + stake) * 3 < committee.total_stake() {
                    faulty += stake;
                    is_faulty[at] = true;
                }
            }
            let lists: Vec<List> = (0..stakes.len())
                .filter(|at| is_cited[*at])
                .map(|at| {
                    let items: &[u8] = if is_faulty[at] { &[] } else { &[5] };
                    list(u8::try_from(at + 1).unwrap(), 100, items)
                })
                .collect();
            prop_assert!(mandatory(&committee, &lists).contains(&item(5)));
        }
    }
}

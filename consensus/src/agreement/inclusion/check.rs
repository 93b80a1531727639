//! Whether a cut is what its cited lists allow.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::planted::{self, Bug};
use ganglion_types::{Cut, CutId, Epoch, Hotkey, InclusionList, ItemId, Kind, SubnetId, limits};

use super::{List, mandatory, median_time, per_list};
use crate::certificate::Committee;

/// What the cut is checked against.
#[derive(Clone, Copy, Debug)]
pub struct CutContext<'a> {
    /// The subnet.
    pub subnet: SubnetId,
    /// The epoch being closed.
    pub epoch: Epoch,
    /// Id of the cut before.
    pub previous: CutId,
    /// Time of the cut before.
    pub previous_time: u64,
    /// The committee of the epoch.
    pub committee: &'a Committee,
    /// Ids that lists name of items which no cut may hold, or for which none has room: they need not
    /// be in.
    pub excused: &'a BTreeSet<ItemId>,
}

/// Why a cut is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// Of another subnet.
    #[error("the cut is of subnet {0}")]
    Subnet(SubnetId),
    /// Of another epoch.
    #[error("the cut is of epoch {0}")]
    Epoch(Epoch),
    /// It follows another cut.
    #[error("the cut follows {0}")]
    Previous(CutId),
    /// Cited lists or items out of order or twice.
    #[error("the cut names {0} out of order")]
    Unsorted(ItemId),
    /// A cited list is not among those given.
    #[error("cited list {0} is not held")]
    NotHeld(ItemId),
    /// A list of another epoch.
    #[error("cited list {list} is of epoch {epoch}")]
    ListEpoch {
        /// The list.
        list: ItemId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// A list by somebody without a seat.
    #[error("cited list {list} is by {signer}, who is not in the committee")]
    NotMember {
        /// The list.
        list: ItemId,
        /// Its signer.
        signer: Hotkey,
    },
    /// Two lists of one member.
    #[error("two cited lists are by {0}")]
    TwoLists(Hotkey),
    /// Lists of 2/3 of stake or less.
    #[error("the cited lists have {held} of {total} rao, which is no quorum")]
    TooFewLists {
        /// Stake of the lists, in rao.
        held: u64,
        /// Stake of the committee, in rao.
        total: u64,
    },
    /// An admissible item that lists of more than 1/3 of stake name is left out.
    #[error("the cut leaves out {0}, which lists of more than 1/3 of stake name")]
    Omits(ItemId),
    /// The counts do not add up to the items of the cut.
    #[error("{counted} items were counted, the cut has {items}")]
    Miscounted {
        /// Sum of the counts.
        counted: usize,
        /// Items of the cut.
        items: usize,
    },
    /// More than four lists may name of a kind.
    #[error("{count} items of kind {}, at most {limit} fit", kind.name())]
    TooMany {
        /// The kind.
        kind: Kind,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Another time than the cited lists give.
    #[error("the time is {found}, the cited lists give {expected}")]
    Time {
        /// Unix milliseconds.
        expected: u64,
        /// Unix milliseconds.
        found: u64,
    },
}

/// Checks everything about a cut that needs only its cited lists and the kinds of its items:
/// `lists` holds at least the cited ones, in any order; `kinds` counts the items of the cut by kind.
///
/// # Errors
/// The first rule that is broken. All but [`CutError::NotHeld`] and [`CutError::Miscounted`], which
/// say that the caller has to fetch or count first, are for ever.
pub fn check_cut(
    cut: &Cut,
    context: &CutContext<'_>,
    lists: &[List],
    kinds: &BTreeMap<Kind, usize>,
) -> Result<(), CutError> {
    if cut.subnet != context.subnet {
        return Err(CutError::Subnet(cut.subnet));
    }
    if cut.epoch != context.epoch {
        return Err(CutError::Epoch(cut.epoch));
    }
    if cut.prev != context.previous {
        return Err(CutError::Previous(cut.prev));
    }
    check_sorted(&cut.lists)?;
    check_sorted(&cut.items)?;
    let cited = cited(cut, context, lists)?;
    check_sizes(cut, kinds)?;
    let present: BTreeSet<&ItemId> = cut.items.iter().collect();
    let must = mandatory(context.committee, cited.iter().copied());
    let omitted = |id: &&ItemId| !present.contains(id) && !context.excused.contains(id);
    if let Some(id) = must.iter().find(omitted)
        && !planted::is(Bug::OmissionUnseen)
    {
        return Err(CutError::Omits(*id));
    }
    let expected = median_time(context.committee, cited, context.previous_time);
    if cut.time != expected {
        return Err(CutError::Time { expected, found: cut.time });
    }
    Ok(())
}

fn check_sorted(ids: &[ItemId]) -> Result<(), CutError> {
    let wrong = ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a >= b);
    wrong.map_or(Ok(()), |(_, id)| Err(CutError::Unsorted(*id)))
}

/// The cited lists: all held, of this epoch, by different members, of more than 2/3 of stake.
fn cited<'a>(
    cut: &Cut,
    context: &CutContext<'_>,
    lists: &'a [List],
) -> Result<Vec<&'a List>, CutError> {
    let by_id: BTreeMap<ItemId, &List> = lists.iter().map(|list| (list.id, list)).collect();
    let mut cited = Vec::with_capacity(cut.lists.len());
    let mut signers = BTreeSet::new();
    let mut held = 0_u64;
    for id in &cut.lists {
        let list = *by_id.get(id).ok_or(CutError::NotHeld(*id))?;
        let InclusionList { signer, epoch, .. } = list.header;
        if epoch != context.epoch && !planted::is(Bug::StaleListCounted) {
            return Err(CutError::ListEpoch { list: *id, epoch });
        }
        let stake = context.committee.stake_of(&signer);
        let stake = stake.ok_or(CutError::NotMember { list: *id, signer })?;
        if !signers.insert(signer) && !planted::is(Bug::MemberCitedTwice) {
            return Err(CutError::TwoLists(signer));
        }
        held = held.saturating_add(stake);
        cited.push(list);
    }
    if !context.committee.is_quorum(held) {
        let total = context.committee.total_stake();
        return Err(CutError::TooFewLists { held, total });
    }
    Ok(cited)
}

fn check_sizes(cut: &Cut, kinds: &BTreeMap<Kind, usize>) -> Result<(), CutError> {
    for (kind, count) in kinds {
        let (kind, count) = (*kind, *count);
        let limit = per_list(kind).saturating_mul(limits::CUT_FACTOR);
        if count > limit {
            return Err(CutError::TooMany { kind, count, limit });
        }
    }
    let counted = kinds.values().fold(0_usize, |sum, count| sum.saturating_add(*count));
    let items = cut.items.len();
    if counted == items { Ok(()) } else { Err(CutError::Miscounted { counted, items }) }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::super::{fixture::*, stake_held};
    use super::*;

    #[test]
    fn an_item_named_by_exactly_one_third_may_be_left_out() {
        let committee = committee(&[10, 10, 10]);
        let lists = [list(1, 100, &[1]), list(2, 100, &[2]), list(3, 100, &[2])];
        assert_eq!(mandatory(&committee, &lists), BTreeSet::from([item(2)]));
        assert_eq!(check(&cut(&lists, &[2], 100), &committee, &lists), Ok(()));
        assert_eq!(check(&cut(&lists, &[1, 2], 100), &committee, &lists), Ok(()));
        assert_eq!(
            check(&cut(&lists, &[1], 100), &committee, &lists),
            Err(CutError::Omits(item(2)))
        );
    }

    #[test]
    fn what_no_cut_may_hold_need_not_be_in() {
        let committee = committee(&[10]);
        let lists = [list(1, 100, &[1, 2])];
        let excused = BTreeSet::from([item(1)]);
        let context = CutContext {
            subnet: SUBNET,
            epoch: EPOCH,
            previous: PREVIOUS,
            previous_time: 50,
            committee: &committee,
            excused: &excused,
        };
        let checked = |items: &[u8]| {
            let kinds = weights(items.len());
            check_cut(&cut(&lists, items, 100), &context, &lists, &kinds)
        };
        assert_eq!(checked(&[2]), Ok(()));
        assert_eq!(checked(&[1]), Err(CutError::Omits(item(2))));
    }

    #[test]
    fn the_rule_counts_the_whole_committee_not_the_cited_part() {
        let committee = committee(&[10, 10, 10, 10]);
        // Cited: 30 of 40. Item 1 is named by 10, which is 1/3 of the cited stake, 1/4 of all.
        let lists = [list(1, 100, &[1]), list(2, 100, &[]), list(3, 100, &[])];
        assert!(mandatory(&committee, &lists).is_empty());
        let two = [list(1, 100, &[1]), list(2, 100, &[1]), list(3, 100, &[])];
        assert_eq!(mandatory(&committee, &two), BTreeSet::from([item(1)]));
    }

    #[test]
    fn an_empty_cut_is_valid() {
        let committee = committee(&[10]);
        let lists = [list(1, 100, &[])];
        let context = CutContext {
            subnet: SUBNET,
            epoch: EPOCH,
            previous: PREVIOUS,
            previous_time: 50,
            committee: &committee,
            excused: &NONE,
        };
        assert_eq!(check_cut(&cut(&lists, &[], 100), &context, &lists, &BTreeMap::new()), Ok(()));
    }

    #[test]
    fn each_broken_rule_has_its_name() {
        let committee = committee(&[10, 10, 10]);
        let lists = [list(1, 90, &[1]), list(2, 100, &[1]), list(3, 110, &[1])];
        let good = cut(&lists, &[1], 100);
        assert_eq!(check(&good, &committee, &lists), Ok(()));

        let other_subnet = SubnetId::new([9; 32]);
        let stranger = list(9, 100, &[1]);
        let old = list_of(3, EPOCH.previous(), 100, &[1]);
        let double = list(2, 101, &[1]);
        let with = |extra: &List, kept: usize| {
            let mut lists = lists[..kept].to_vec();
            lists.push(extra.clone());
            (cut(&lists, &[1], 100), lists)
        };
        let mut swapped = good.clone();
        swapped.lists.swap(0, 1);
        let cases = [
            (
                Cut { subnet: other_subnet, ..good.clone() },
                lists.to_vec(),
                CutError::Subnet(other_subnet),
            ),
            (
                Cut { epoch: EPOCH.next(), ..good.clone() },
                lists.to_vec(),
                CutError::Epoch(EPOCH.next()),
            ),
            (
                Cut { prev: CutId::new([9; 32]), ..good.clone() },
                lists.to_vec(),
                CutError::Previous(CutId::new([9; 32])),
            ),
            (swapped.clone(), lists.to_vec(), CutError::Unsorted(swapped.lists[1])),
            (
                Cut { items: vec![item(1), item(1)], ..good.clone() },
                lists.to_vec(),
                CutError::Unsorted(item(1)),
            ),
            (
                cut(&lists[..2], &[1], 90),
                lists.to_vec(),
                CutError::TooFewLists { held: 20, total: 30 },
            ),
            {
                let (cut, held) = with(&stranger, 3);
                let signer = stranger.header.signer;
                (cut, held, CutError::NotMember { list: stranger.id, signer })
            },
            {
                let (cut, held) = with(&old, 2);
                (cut, held, CutError::ListEpoch { list: old.id, epoch: EPOCH.previous() })
            },
            {
                let (cut, held) = with(&double, 3);
                (cut, held, CutError::TwoLists(double.header.signer))
            },
            (
                Cut { time: 101, ..good.clone() },
                lists.to_vec(),
                CutError::Time { expected: 100, found: 101 },
            ),
        ];
        for (cut, held, expected) in cases {
            assert_eq!(check(&cut, &committee, &held), Err(expected));
        }
        let missing = lists.iter().map(List::id).max().unwrap();
        let held: Vec<List> = lists.iter().filter(|list| list.id != missing).cloned().collect();
        assert_eq!(check(&good, &committee, &held), Err(CutError::NotHeld(missing)));
    }

    #[test]
    fn a_cut_over_four_lists_of_a_kind_is_too_large() {
        let committee = committee(&[10]);
        let lists = [list(1, 100, &[])];
        let mut large = cut(&lists, &[], 100);
        let limit = limits::LIST_OPERATIONS * limits::CUT_FACTOR;
        let context = CutContext {
            subnet: SUBNET,
            epoch: EPOCH,
            previous: PREVIOUS,
            previous_time: 50,
            committee: &committee,
            excused: &NONE,
        };
        let ids = |count: usize| -> Vec<ItemId> {
            (0..count)
                .map(|number| {
                    let mut bytes = [0; 32];
                    bytes[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
                    ItemId::new(bytes)
                })
                .collect()
        };
        large.items = ids(limit);
        let operations = |count| BTreeMap::from([(Kind::RegistryOp, count)]);
        assert_eq!(check_cut(&large, &context, &lists, &operations(limit)), Ok(()));
        assert_eq!(
            check_cut(&large, &context, &lists, &operations(limit - 1)),
            Err(CutError::Miscounted { counted: limit - 1, items: limit })
        );
        large.items = ids(limit + 1);
        let kind = Kind::RegistryOp;
        assert_eq!(
            check_cut(&large, &context, &lists, &operations(limit + 1)),
            Err(CutError::TooMany { kind, count: limit + 1, limit })
        );
        large.items = ids(1);
        let kind = Kind::TaskBatch;
        assert_eq!(
            check_cut(&large, &context, &lists, &BTreeMap::from([(kind, 1)])),
            Err(CutError::TooMany { kind, count: 1, limit: 0 })
        );
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_changes_nothing(
            times in proptest::collection::vec(any::<u64>(), 5),
            named in proptest::collection::vec(proptest::collection::btree_set(0_u8..12, 0..8), 5),
            stakes in proptest::collection::vec(1_u64..1_000, 5),
            order in Just([0, 1, 2, 3, 4]).prop_shuffle(),
        ) {
            let committee = committee(&stakes);
            let lists: Vec<List> = (1..)
                .zip(times.iter().zip(&named))
                .map(|(signer, (time, items))| {
                    list(signer, *time, &items.iter().copied().collect::<Vec<u8>>())
                })
                .collect();
            let shuffled: Vec<List> = order.iter().map(|at| lists[*at].clone()).collect();
            let must = mandatory(&committee, &lists);
            prop_assert_eq!(&must, &mandatory(&committee, &shuffled));
            let time = median_time(&committee, &lists, 7);
            prop_assert_eq!(time, median_time(&committee, &shuffled, 7));
            prop_assert_eq!(
                stake_held(&committee, EPOCH, &lists),
                stake_held(&committee, EPOCH, &shuffled)
            );

            // The cut of exactly the mandatory items is valid; without any one of them it is not.
            let items: Vec<u8> = must.iter().map(|id| id.as_bytes()[0]).collect();
            let context = CutContext {
                subnet: SUBNET,
                epoch: EPOCH,
                previous: PREVIOUS,
                previous_time: 7,
                committee: &committee,
                excused: &NONE,
            };
            let full = cut(&lists, &items, time);
            prop_assert_eq!(
                check_cut(&full, &context, &shuffled, &weights(items.len())),
                Ok(())
            );
            for left_out in &items {
                let kept: Vec<u8> = items.iter().copied().filter(|i| i != left_out).collect();
                let short = cut(&lists, &kept, time);
                prop_assert_eq!(
                    check_cut(&short, &context, &shuffled, &weights(kept.len())),
                    Err(CutError::Omits(item(*left_out)))
                );
            }
        }
    }
}

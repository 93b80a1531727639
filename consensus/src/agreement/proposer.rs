//! Who may propose in which round.
//!
//! ```text
//! x_k   = first 8 bytes, big-endian, of H("ganglion/proposer", subnet, epoch u64 BE, prev, k u32 BE)
//! point = floor(x_k * stake left / 2^64)
//! ```
//! The k-th proposer is the member whose share of the stake still left, laid out by rising hotkey,
//! covers `point`; then it leaves the draw. The multiplication maps 2^64 equally likely values to
//! the stake left, so a member's chance is off by less than 2^-64.
//!
//! Sampling is without replacement: after as many failed rounds as there are faulty members, an
//! honest one proposes. The seed holds the id of the previous cut, never its certificate, of which
//! honest nodes hold different ones. The last proposer can try a few cuts to move itself forward in
//! the next order; that buys a place in the queue and nothing else, since the mandatory items of a
//! cut are not the proposer's choice.

use ganglion_types::sign::tagged_hash;
use ganglion_types::{CutId, Epoch, Hotkey, SubnetId};

use crate::certificate::{Committee, Member};

/// Every member once, in the order in which they propose; round r belongs to entry
/// `r % members`.
#[must_use]
pub fn proposer_order(
    subnet: &SubnetId,
    epoch: Epoch,
    previous: &CutId,
    committee: &Committee,
) -> Vec<Hotkey> {
    let mut left: Vec<Member> = committee.members().to_vec();
    let mut stake_left = committee.total_stake();
    let mut order = Vec::with_capacity(left.len());
    for draw in 0_u32.. {
        let point = point(subnet, epoch, previous, draw, stake_left);
        let Some(at) = covering(&left, point) else { break };
        let member = left.remove(at);
        stake_left = stake_left.saturating_sub(member.stake);
        order.push(member.hotkey);
    }
    order
}

fn point(subnet: &SubnetId, epoch: Epoch, previous: &CutId, draw: u32, stake_left: u64) -> u64 {
    let parts: [&[u8]; 4] =
        [subnet.as_bytes(), &epoch.get().to_be_bytes(), previous.as_bytes(), &draw.to_be_bytes()];
    let hash = tagged_hash("ganglion/proposer", &parts);
    let head = hash.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    // Both factors are below 2^64, so the product fits and its upper half is below `stake_left`.
    let wide = u128::from(head).saturating_mul(u128::from(stake_left)) >> 64;
    u64::try_from(wide).unwrap_or(0)
}

/// Position of the member whose share covers `point`, `None` once nobody is left.
fn covering(left: &[Member], point: u64) -> Option<usize> {
    let mut end = 0_u64;
    left.iter().position(|member| {
        end = end.saturating_add(member.stake);
        point < end
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUBNET: SubnetId = SubnetId::new([1; 32]);

    /// Hotkeys rise with the position.
    fn committee(stakes: &[u64]) -> Committee {
        Committee::new(stakes.iter().enumerate().map(|(number, stake)| {
            let mut hotkey = [0; 32];
            hotkey[0] = u8::try_from(number).unwrap();
            Member { hotkey: Hotkey::new(hotkey), stake: *stake }
        }))
        .unwrap()
    }

    #[test]
    fn the_order_is_bound_to_subnet_epoch_and_previous_cut() {
        let committee = committee(&[5; 16]);
        let (epoch, previous) = (Epoch::new(4), CutId::new([2; 32]));
        let order = proposer_order(&SUBNET, epoch, &previous, &committee);
        assert_eq!(order, proposer_order(&SUBNET, epoch, &previous, &committee));
        let subnet = SubnetId::new([9; 32]);
        assert_ne!(order, proposer_order(&subnet, epoch, &previous, &committee));
        assert_ne!(order, proposer_order(&SUBNET, epoch.next(), &previous, &committee));
        assert_ne!(order, proposer_order(&SUBNET, epoch, &CutId::new([3; 32]), &committee));
    }

    /// Pins the bits: another order is another protocol.
    #[test]
    fn the_order_of_a_known_committee_is_known() {
        let committee = committee(&[28, 26, 24, 22]);
        let orders: Vec<Vec<u8>> = (1..=4)
            .map(|epoch| {
                proposer_order(&SUBNET, Epoch::new(epoch), &CutId::new([2; 32]), &committee)
                    .iter()
                    .map(|hotkey| hotkey.as_bytes()[0])
                    .collect()
            })
            .collect();
        assert_eq!(orders, KNOWN);
    }

    const KNOWN: [[u8; 4]; 4] = [[2, 3, 0, 1], [3, 1, 2, 0], [0, 1, 2, 3], [0, 1, 2, 3]];

    #[test]
    fn the_first_place_follows_stake() {
        let committee = committee(&[10, 20, 30, 40]);
        let mut first = [0_u32; 4];
        for epoch in 0..10_000 {
            let order =
                proposer_order(&SUBNET, Epoch::new(epoch), &CutId::new([2; 32]), &committee);
            first[usize::from(order[0].as_bytes()[0])] += 1;
        }
        // Four standard deviations of 10,000 draws are at most 196.
        for (count, expected) in first.into_iter().zip([1_000_u32, 2_000, 3_000, 4_000]) {
            assert!(count.abs_diff(expected) < 200, "{first:?}");
        }
    }

    proptest! {
        #[test]
        fn every_member_proposes_once(
            stakes in proptest::collection::vec(1_u64..=u64::MAX / 2_000, 1..256),
            epoch in any::<u64>(),
            previous in any::<[u8; 32]>(),
        ) {
            let committee = committee(&stakes);
            let order =
                proposer_order(&SUBNET, Epoch::new(epoch), &CutId::new(previous), &committee);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            let members: Vec<Hotkey> =
                committee.members().iter().map(|member| member.hotkey).collect();
            prop_assert_eq!(sorted, members);
        }
    }
}

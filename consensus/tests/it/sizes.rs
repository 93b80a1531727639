//! The largest cuts there can be.

use std::collections::BTreeSet;

use ganglion_consensus::ledger::{KindCounts, required};
use ganglion_types::{
    Body, Canonical, Certificate, Cut, CutId, Digest, Epoch, EpochBundle, Hotkey, Item, ItemId,
    Round, Signature, SubnetId, WeightReveal, limits,
};

use crate::fixture::{Subnet, hot};

/// What an epoch has beside the items' own bytes, at most.
const AROUND_ITEMS: usize = 300 * 1024;
const VALIDATORS: u16 = 256;

fn subnet() -> Subnet {
    Subnet::new(&[30, 20], 2)
}

/// The largest row there is: 4,096 entries with values of three bytes.
fn widest_row() -> Vec<(u16, u16)> {
    (0..u16::try_from(limits::UIDS).unwrap()).map(|uid| (uid, 65_535 - uid)).collect()
}

/// A reveal of validator `number`; all of one commit show one row.
fn reveal(subnet: &Subnet, number: u16, epoch: u64, seq: u64, row: &[(u16, u16)]) -> Item {
    // The chain of seeds has nothing to do with sizes, and takes long to walk.
    let shown = WeightReveal {
        entries: row.to_vec(),
        task_preimage: Digest::new([9; 32]),
        ..subnet.shown(number, 500, seq, &[])
    };
    let shown = WeightReveal { epoch: Epoch::new(epoch), ..shown };
    subnet.item(Body::WeightReveal(shown), &hot(number))
}

/// The epoch of these items as it is kept and sent, with every list cited and every seat's signature.
fn epoch_of(items: Vec<Item>) -> EpochBundle {
    let ids = |many: usize| -> Vec<ItemId> {
        let id = |n: usize| {
            let mut id = [0xff; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            ItemId::new(id)
        };
        (0..many).map(id).collect()
    };
    let mut items = items;
    items.sort_unstable_by_key(Item::id);
    let cut = Cut {
        subnet: SubnetId::new([1; 32]),
        epoch: Epoch::new(u64::MAX),
        prev: CutId::new([2; 32]),
        lists: ids(limits::COMMITTEE),
        items: items.iter().map(Item::id).collect(),
        time: u64::MAX,
        registry: Digest::new([3; 32]),
        result_root: Digest::new([3; 32]),
        state_root: Digest::new([3; 32]),
        next_committee_root: Digest::new([3; 32]),
    };
    let signer = |id: ItemId| (Hotkey::new(*id.as_bytes()), Signature::new([7; 64]));
    let certificate = Certificate {
        epoch: Epoch::new(u64::MAX),
        round: Round::new(u32::MAX - 1),
        cut: cut.id(),
        signatures: ids(limits::COMMITTEE).into_iter().map(signer).collect(),
    };
    EpochBundle { cut, certificate, items }
}

#[test]
fn the_largest_cut_is_an_epoch_that_can_be_kept_and_sent() {
    let subnet = subnet();
    let row = widest_row();
    let reveals = (0..4_u16)
        .flat_map(|back| (0..VALIDATORS).map(move |number| (number, 10 + u64::from(back))));
    let reveals = reveals.map(|(number, epoch)| reveal(&subnet, number, epoch, 1, &row));
    // Operations are the smallest items there are, so as many as may be are in.
    let operations = (0..1_024_u64).map(|n| subnet.transfer(1, n, 2, 1));
    let demanded: Vec<Item> = operations.chain(reveals).collect();
    let fitting = required(&demanded);
    let items: Vec<Item> =
        demanded.iter().filter(|item| fitting.contains(&item.id())).cloned().collect();
    assert!(items.len() < demanded.len(), "the demand is beyond what a cut holds");
    assert_eq!(KindCounts::of(&items).check(), Ok(()));
    let mut own = 0;
    for item in &items {
        own += item.encoded_len();
    }
    assert!(own > limits::CUT_BYTES - 32 * 1024, "{own} bytes fill it");
    let bytes = epoch_of(items).to_bytes();
    assert!(bytes.len() <= limits::RPC_BYTES, "{} bytes", bytes.len());
    // As many small items as a cut may name, and the rest of its bytes in large ones.
    const { assert!(limits::CUT_BYTES + AROUND_ITEMS <= limits::RPC_BYTES) };
    let least = epoch_of(Vec::new()).encoded_len();
    // An id in the cut, and what stands before an item: two tags, a length of one byte and one of three.
    assert!(least + limits::CUT_ITEMS * (34 + 4) <= AROUND_ITEMS, "{least} bytes without items");
}

#[test]
fn what_everybody_says_in_one_epoch_of_the_largest_subnet_has_room() {
    let subnet = subnet();
    let row = widest_row();
    let mut items: Vec<Item> = Vec::new();
    for number in 0..VALIDATORS {
        items.push(reveal(&subnet, number, 10, 1, &row));
        items.push(subnet.commit(number, 11, 2, &[(1, 65_535)]));
        items.push(subnet.revise(number, 0, 30, &[(1, u64::MAX); limits::REVISION_CHANGES]));
    }
    items.extend((0..64).map(|number| subnet.double_proposal(number, 10, 3)));
    assert_eq!(required(&items).len(), items.len());
    // And a quarter as much again, which is what clears a backlog.
    let late = (0..64).map(|number| reveal(&subnet, number, 9, 1, &row));
    items.extend(late);
    assert_eq!(required(&items).len(), items.len());
}

#[test]
fn whoever_lists_too_much_pushes_nobody_out_and_blocks_no_cut() {
    let subnet = subnet();
    let row = widest_row();
    let honest: Vec<Item> = (0..200).map(|number| reveal(&subnet, number, 10, 1, &row)).collect();
    let versions = (200..VALIDATORS)
        .flat_map(|number| (1..=9).map(move |seq| (number, seq)))
        .map(|(number, seq)| reveal(&subnet, number, 10, seq, &row));
    let operations = (0..1_600_u64).map(|n| subnet.transfer(1, n, 2, 1));
    let demanded: Vec<Item> = versions.chain(operations).chain(honest.iter().cloned()).collect();
    let fitting = required(&demanded);
    assert!(honest.iter().all(|item| fitting.contains(&item.id())));
    let items: Vec<&Item> = demanded.iter().filter(|item| fitting.contains(&item.id())).collect();
    assert_eq!(KindCounts::of(items).check(), Ok(()));
    // Whatever the order in which they come.
    let reversed: BTreeSet<ItemId> = required(demanded.iter().rev());
    assert_eq!(reversed, fitting);
}

#[test]
fn what_expires_first_has_room_first() {
    let subnet = subnet();
    let row = widest_row();
    let epochs = [12_u64, 10, 11];
    let demanded: Vec<Item> = epochs
        .iter()
        .flat_map(|epoch| (0..VALIDATORS).map(move |number| (number, *epoch)))
        .map(|(number, epoch)| reveal(&subnet, number, epoch, 1, &row))
        .collect();
    let fitting = required(&demanded);
    let left = |at: usize| {
        let of_epoch = &demanded[at * 256..][..256];
        of_epoch.iter().filter(|item| !fitting.contains(&item.id())).count()
    };
    assert_eq!((left(0), left(1)), (256, 0), "of epoch 12 none, of epoch 10 all");
    assert!((1..256).contains(&left(2)));
}

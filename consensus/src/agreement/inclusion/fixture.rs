//! A committee, its lists and the cuts that cite them.
#![allow(clippy::unwrap_used, reason = "a fixture that fails fails its test")]

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use ganglion_types::{
    Body, Cut, CutId, Digest, Epoch, InclusionList, Item, ItemId, Kind, ListBody, SubnetId, sign,
};

use super::{CutContext, CutError, List, check_cut};
use crate::certificate::{Committee, Member};

pub(super) const SUBNET: SubnetId = SubnetId::new([1; 32]);
pub(super) const EPOCH: Epoch = Epoch::new(7);
pub(super) const PREVIOUS: CutId = CutId::new([2; 32]);
pub(super) const NONE: BTreeSet<ItemId> = BTreeSet::new();

pub(super) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(super) fn committee(stakes: &[u64]) -> Committee {
    Committee::new(
        (1..)
            .zip(stakes)
            .map(|(number, stake)| Member { hotkey: sign::hotkey_of(&key(number)), stake: *stake }),
    )
    .unwrap()
}

pub(super) fn item(number: u8) -> ItemId {
    ItemId::new([number; 32])
}

pub(super) fn list_of(signer: u8, epoch: Epoch, time: u64, items: &[u8]) -> List {
    let body = ListBody::new(items.iter().map(|number| item(*number)).collect()).unwrap();
    let header = InclusionList {
        signer: sign::hotkey_of(&key(signer)),
        epoch,
        time,
        body: body.digest(),
        count: u32::try_from(body.ids().len()).unwrap(),
    };
    let item = Item::sign(SUBNET, Body::InclusionList(header), &key(signer));
    List::new(&item, body).unwrap()
}

pub(super) fn list(signer: u8, time: u64, items: &[u8]) -> List {
    list_of(signer, EPOCH, time, items)
}

pub(super) fn cut(lists: &[List], items: &[u8], time: u64) -> Cut {
    let mut cited: Vec<ItemId> = lists.iter().map(List::id).collect();
    cited.sort_unstable();
    Cut {
        subnet: SUBNET,
        epoch: EPOCH,
        prev: PREVIOUS,
        lists: cited,
        items: items.iter().map(|number| item(*number)).collect(),
        time,
        registry: Digest::ZERO,
        result_root: Digest::ZERO,
        state_root: Digest::ZERO,
        next_committee_root: Digest::ZERO,
    }
}

pub(super) fn weights(count: usize) -> BTreeMap<Kind, usize> {
    BTreeMap::from([(Kind::Weights, count)])
}

pub(super) fn check(cut: &Cut, committee: &Committee, lists: &[List]) -> Result<(), CutError> {
    let context = CutContext {
        subnet: SUBNET,
        epoch: EPOCH,
        previous: PREVIOUS,
        previous_time: 50,
        committee,
        excused: &NONE,
    };
    check_cut(cut, &context, lists, &weights(cut.items.len()))
}

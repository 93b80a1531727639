//! The rule of inclusion against a second opinion that counts in the plainest way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use arbitrary::{Arbitrary as _, Result, Unstructured};
use ed25519_dalek::SigningKey;
use ganglion_consensus::agreement::inclusion::{CutContext, List, check_cut};
use ganglion_consensus::certificate::{Committee, Member};
use ganglion_types::{
    Body, Cut, CutId, Digest, Epoch, Hotkey, InclusionList, Item, ItemId, Kind, ListBody, SubnetId,
    sign,
};

const SUBNET: SubnetId = SubnetId::new([1; 32]);
const EPOCH: Epoch = Epoch::new(7);
const PREVIOUS: CutId = CutId::new([2; 32]);
const PREVIOUS_TIME: u64 = 50;

/// Six keys, of which the last has no seat.
static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| (1..=6).map(|byte| SigningKey::from_bytes(&[byte; 32])).collect());

fn item(number: u8) -> ItemId {
    ItemId::new([number; 32])
}

struct Case {
    stakes: Vec<u64>,
    lists: Vec<List>,
    cut: Cut,
    excused: BTreeSet<ItemId>,
}

fn items(u: &mut Unstructured<'_>) -> Result<BTreeSet<u8>> {
    let bits = u8::arbitrary(u)?;
    Ok((0..8).filter(|at| bits & (1 << at) != 0).collect())
}

fn list(u: &mut Unstructured<'_>, signer: usize) -> Result<List> {
    let body = ListBody::new(items(u)?.into_iter().map(item).collect()).expect("few, rising ids");
    let epoch = if u.ratio(1_u8, 16)? { EPOCH.next() } else { EPOCH };
    let header = InclusionList {
        signer: sign::hotkey_of(&KEYS[signer]),
        epoch,
        time: u64::from(u8::arbitrary(u)?),
        body: body.digest(),
        count: u32::try_from(body.ids().len()).expect("few ids"),
    };
    let item = Item::sign(SUBNET, Body::InclusionList(header), &KEYS[signer]);
    Ok(List::new(&item, body).expect("header and body fit"))
}

fn case(u: &mut Unstructured<'_>) -> Result<Case> {
    let members = u.int_in_range(1..=5_usize)?;
    let stakes = (0..members).map(|_| u.int_in_range(1..=30)).collect::<Result<Vec<u64>>>()?;
    let mut lists = Vec::new();
    for _ in 0..u.int_in_range(0..=6_usize)? {
        let signer = if u.ratio(1_u8, 16)? { 5 } else { u.choose_index(members)? };
        lists.push(list(u, signer)?);
    }
    let mut cited: Vec<ItemId> = lists.iter().map(List::id).collect();
    cited.sort_unstable();
    if u.ratio(1_u8, 8)? {
        cited.pop();
    }
    if u.ratio(7_u8, 8)? {
        cited.dedup();
    }
    let excused = if u.ratio(1_u8, 4)? { items(u)? } else { BTreeSet::new() };
    let named = lists.iter().flat_map(List::items).copied();
    let mut taken: BTreeSet<ItemId> =
        if u.ratio(3_u8, 4)? { named.collect() } else { items(u)?.into_iter().map(item).collect() };
    if u.ratio(1_u8, 8)? {
        taken.pop_first();
    }
    let time = if u.ratio(1_u8, 8)? {
        u64::from(u8::arbitrary(u)?)
    } else {
        plain_time(&stakes, &lists, &cited)
    };
    let cut = Cut {
        subnet: SUBNET,
        epoch: EPOCH,
        prev: PREVIOUS,
        lists: cited,
        items: taken.into_iter().collect(),
        time,
        registry: Digest::ZERO,
        result_root: Digest::ZERO,
        state_root: Digest::ZERO,
        next_committee_root: Digest::ZERO,
    };
    Ok(Case { stakes, lists, cut, excused: excused.into_iter().map(item).collect() })
}

fn stake_of(stakes: &[u64], signer: &Hotkey) -> Option<u64> {
    let at = KEYS.iter().position(|key| sign::hotkey_of(key) == *signer)?;
    stakes.get(at).copied()
}

/// Every rao of cited stake is a vote for its holder's clock; the vote in the middle, or the lower of
/// the two, but later than the cut before.
fn plain_time(stakes: &[u64], lists: &[List], cited: &[ItemId]) -> u64 {
    let mut votes = Vec::new();
    // One that is held twice is cited once.
    let cited: BTreeSet<&ItemId> = cited.iter().collect();
    for list in cited.iter().filter_map(|id| lists.iter().find(|list| list.id() == **id)) {
        let stake = stake_of(stakes, &list.header().signer).unwrap_or(0);
        votes.extend((0..stake).map(|_| list.header().time));
    }
    votes.sort_unstable();
    let middle = votes.get(votes.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    middle.max(PREVIOUS_TIME + 1)
}

/// Whether the cut is valid, straight from `docs/spec/agreement.md`.
fn plain(case: &Case) -> bool {
    let Case { stakes, lists, cut, excused } = case;
    let total: u64 = stakes.iter().sum();
    let rising = |ids: &[ItemId]| ids.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising(&cut.lists) || !rising(&cut.items) {
        return false;
    }
    let cited: Vec<&List> =
        cut.lists.iter().filter_map(|id| lists.iter().find(|list| list.id() == *id)).collect();
    let signers: BTreeSet<Hotkey> = cited.iter().map(|list| list.header().signer).collect();
    let of_epoch = cited.iter().all(|list| list.header().epoch == EPOCH);
    let members = signers.iter().all(|signer| stake_of(stakes, signer).is_some());
    if cited.len() != cut.lists.len() || signers.len() != cited.len() || !of_epoch || !members {
        return false;
    }
    let held: u64 = signers.iter().filter_map(|signer| stake_of(stakes, signer)).sum();
    if held * 3 <= total * 2 {
        return false;
    }
    for number in 0..8 {
        let naming: u64 = cited
            .iter()
            .filter(|list| list.items().contains(&item(number)))
            .filter_map(|list| stake_of(stakes, &list.header().signer))
            .sum();
        let left_out = !cut.items.contains(&item(number)) && !excused.contains(&item(number));
        if naming * 3 > total && left_out {
            return false;
        }
    }
    cut.time == plain_time(stakes, lists, &cut.lists)
}

pub(super) fn inclusion(bytes: &[u8]) {
    let Ok(case) = case(&mut Unstructured::new(bytes)) else { return };
    let members = KEYS
        .iter()
        .zip(&case.stakes)
        .map(|(key, stake)| Member { hotkey: sign::hotkey_of(key), stake: *stake });
    let committee = Committee::new(members).expect("one to five seats with stake");
    let context = CutContext {
        subnet: SUBNET,
        epoch: EPOCH,
        previous: PREVIOUS,
        previous_time: PREVIOUS_TIME,
        committee: &committee,
        excused: &case.excused,
    };
    let kinds = BTreeMap::from([(Kind::Weights, case.cut.items.len())]);
    let judged = check_cut(&case.cut, &context, &case.lists, &kinds);
    assert_eq!(judged.is_ok(), plain(&case), "{judged:?} for {:?}", case.cut);
}

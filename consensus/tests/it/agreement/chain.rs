//! What the committee agrees about in these tests: fixed weights, lists of them, and a committee
//! whose stake changes with every cut.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use ganglion_consensus::agreement::inclusion::{self, CutContext, List};
use ganglion_consensus::certificate::{Committee, Member};
use ganglion_types::sign::{self, tagged_hash};
use ganglion_types::{
    Body, Cut, CutId, Digest, Epoch, Hotkey, InclusionList, Item, ItemId, Kind, ListBody, SubnetId,
    Weights,
};

pub(super) const SUBNET: SubnetId = SubnetId::new([7; 32]);

/// Small, seeded, with no more than tests need.
#[derive(Clone, Debug)]
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both in.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(super) fn per_mille(&mut self, chance: u64) -> bool {
        self.next() % 1_000 < chance
    }
}

pub(super) fn key(node: usize) -> SigningKey {
    let number = u64::try_from(node).unwrap().to_be_bytes();
    SigningKey::from_bytes(tagged_hash("test/key", &[&number]).as_bytes())
}

/// The facts that every node can compute, and the items and lists that gossip has spread.
pub(super) struct Chain {
    stakes: Vec<u64>,
    hotkeys: Vec<Hotkey>,
    /// Stakes that move from epoch to epoch.
    moving: Vec<bool>,
    /// Two sets of one node's weights in each epoch, of which lists name the first.
    spread: BTreeMap<u64, (Vec<ItemId>, Vec<List>)>,
}

impl Chain {
    pub(super) fn new(stakes: Vec<u64>, moving: Vec<bool>) -> Self {
        let hotkeys = (0..stakes.len()).map(|node| sign::hotkey_of(&key(node))).collect();
        Self { stakes, hotkeys, moving, spread: BTreeMap::new() }
    }

    pub(super) fn genesis() -> Cut {
        Cut {
            subnet: SUBNET,
            epoch: Epoch::GENESIS,
            prev: CutId::default(),
            lists: vec![],
            items: vec![],
            time: 1_000_000,
            registry: Digest::ZERO,
            result_root: Digest::ZERO,
            state_root: Digest::ZERO,
            next_committee_root: Digest::ZERO,
        }
    }

    /// The committee that closes the epoch after one with this result.
    pub(super) fn committee(&self, result: &Digest) -> Committee {
        let members = self.stakes.iter().enumerate().map(|(node, stake)| {
            let moved = u64::from(result.as_bytes()[node % 32] % 10);
            let extra = if self.moving[node] { stake * moved / 100 } else { 0 };
            Member { hotkey: self.hotkeys[node], stake: stake + extra }
        });
        Committee::new(members).unwrap()
    }

    fn result_root(cut: &Cut) -> Digest {
        let ids: Vec<&[u8]> = cut.items.iter().map(|id| id.as_bytes().as_slice()).collect();
        let items = tagged_hash("test/items", &ids);
        tagged_hash("test/result", &[cut.prev.as_bytes(), items.as_bytes()])
    }

    fn with_roots(&self, mut cut: Cut) -> Cut {
        cut.result_root = Self::result_root(&cut);
        cut.state_root = tagged_hash("test/state", &[cut.result_root.as_bytes()]);
        cut.next_committee_root = self.committee(&cut.result_root).digest();
        cut
    }

    /// All weights of an epoch, and a list by each member that lacks one of them.
    fn spread(&mut self, epoch: u64) -> &(Vec<ItemId>, Vec<List>) {
        let nodes = self.stakes.len();
        self.spread.entry(epoch).or_insert_with(|| {
            let items: Vec<ItemId> = (0..nodes).map(|node| weights(node, epoch).id()).collect();
            let lists = (0..nodes).map(|node| list(node, epoch, &items)).collect();
            (items, lists)
        })
    }

    /// A valid cut: a quorum of lists drawn by `rng`, what they make mandatory, and what the
    /// proposer adds.
    pub(super) fn build(
        &mut self,
        node: usize,
        previous: &Cut,
        adds: bool,
        rng: &mut SplitMix,
    ) -> Cut {
        let epoch = previous.epoch.next();
        let committee = self.committee(&previous.result_root);
        let (items, lists) = self.spread(epoch.get()).clone();
        let start = usize::try_from(rng.between(0, 1_000)).unwrap();
        let mut cited: Vec<List> = Vec::new();
        for step in 0..lists.len() {
            cited.push(lists[(start + step) % lists.len()].clone());
            if committee.is_quorum(inclusion::stake_held(&committee, epoch, &cited)) {
                break;
            }
        }
        let mut named = inclusion::mandatory(&committee, &cited);
        if adds {
            named.insert(items[node]);
        }
        let mut ids: Vec<ItemId> = cited.iter().map(List::id).collect();
        ids.sort_unstable();
        self.with_roots(Cut {
            subnet: SUBNET,
            epoch,
            prev: previous.id(),
            lists: ids,
            items: named.into_iter().collect(),
            time: inclusion::median_time(&committee, &cited, previous.time),
            // Nobody checks it here: no two proposers build one cut.
            registry: tagged_hash("test/by", &[self.hotkeys[node].as_bytes()]),
            result_root: Digest::ZERO,
            state_root: Digest::ZERO,
            next_committee_root: Digest::ZERO,
        })
    }

    /// Another valid cut with the same citations.
    pub(super) fn variant(&mut self, cut: &Cut) -> Cut {
        let (items, _) = self.spread(cut.epoch.get()).clone();
        let mut other = cut.clone();
        other.items = items;
        other.items.sort_unstable();
        other.registry = tagged_hash("test/other", &[cut.registry.as_bytes()]);
        self.with_roots(other)
    }

    /// The verdict of an honest node.
    pub(super) fn is_valid(&mut self, previous: &Cut, cut: &Cut) -> bool {
        let committee = self.committee(&previous.result_root);
        let epoch = previous.epoch.next();
        let (items, lists) = self.spread(epoch.get()).clone();
        let context = CutContext {
            subnet: SUBNET,
            epoch,
            previous: previous.id(),
            previous_time: previous.time,
            committee: &committee,
            excused: &BTreeSet::new(),
        };
        let kinds = BTreeMap::from([(Kind::Weights, cut.items.len())]);
        inclusion::check_cut(cut, &context, &lists, &kinds).is_ok()
            && cut.items.iter().all(|id| items.contains(id))
            && self.with_roots(cut.clone()) == *cut
    }
}

fn weights(node: usize, epoch: u64) -> Item {
    let key = key(node);
    let body = Body::Weights(Weights {
        signer: sign::hotkey_of(&key),
        mechid: 0,
        epoch: Epoch::new(epoch),
        seq: 1,
        entries: vec![(1, 65_535), (2, 32_000)],
        task_preimage: Digest::ZERO,
    });
    Item::sign(SUBNET, body, &key)
}

fn list(node: usize, epoch: u64, items: &[ItemId]) -> List {
    let lacks = items[(node + 1) % items.len()];
    let held = items.iter().copied().filter(|id| items.len() == 1 || *id != lacks).collect();
    let body = ListBody::new(held).unwrap();
    let key = key(node);
    let header = InclusionList {
        signer: sign::hotkey_of(&key),
        epoch: Epoch::new(epoch),
        time: 1_000_000 + epoch * 10_000 + u64::try_from(node).unwrap(),
        body: body.digest(),
        count: u32::try_from(body.ids().len()).unwrap(),
    };
    let item = Item::sign(SUBNET, Body::InclusionList(header), &key);
    List::new(&item, body).unwrap()
}

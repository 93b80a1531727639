//! Which items a member lists and a proposer adds, and how many a cut may hold.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ganglion_types::{Body, Coldkey, Digest, Hotkey, Item, ItemId, limits};

use super::admission::{Registration, admissible};
use super::state::State;

/// Registrations that one list may name: a quarter of its operations.
const LIST_REGISTRATIONS: usize = limits::LIST_OPERATIONS / 4;
/// Rows of weights that one cut may hold of one signer and mechanism.
const WEIGHTS_MAX: usize = limits::CUT_FACTOR;
/// Operations that one cut may hold.
const OPERATIONS_MAX: usize = limits::LIST_OPERATIONS * limits::CUT_FACTOR;

/// What a member lists of the items it holds, in a fixed order: the same items give the same list.
///
/// Of the admissible ones: per signer and mechanism the row of weights with the highest number;
/// registrations by work, at most a quarter of [`limits::LIST_OPERATIONS`]; then accounts by
/// holding, largest first, each giving one operation in turn, by nonce.
#[must_use]
pub fn select(state: &State, candidates: &[Item]) -> Vec<ItemId> {
    let mut pool = Pool::default();
    for item in candidates.iter().filter(|item| admissible(state, item).is_ok()) {
        pool.add(state, item);
    }
    let mut chosen = pool.weights();
    let registrations = pool.registrations.values().take(LIST_REGISTRATIONS);
    let mut operations: Vec<ItemId> = registrations.copied().collect();
    let room = limits::LIST_OPERATIONS.saturating_sub(operations.len());
    operations.extend(pool.operations(state, room));
    chosen.append(&mut operations);
    chosen
}

/// The items of a proposal: every mandatory one, then of the pool what [`select`] chooses, as far as
/// a cut has room. `mandatory` holds the items that the inclusion rule asks for. Rising ids.
#[must_use]
pub fn propose_items(state: &State, mandatory: &[Item], pool: &[Item]) -> Vec<ItemId> {
    let mut counts = KindCounts::default();
    let mut ids = BTreeSet::new();
    for item in mandatory {
        // The inclusion rule stays far below the limits: `docs/spec/ledger.md`, "Sizes".
        if ids.insert(item.id()) {
            counts.add(item);
        }
    }
    let known: BTreeMap<ItemId, &Item> = pool.iter().map(|item| (item.id(), item)).collect();
    for id in select(state, pool) {
        let Some(item) = known.get(&id) else { continue };
        if counts.has_room_for(item) && ids.insert(id) {
            counts.add(item);
        }
    }
    ids.into_iter().collect()
}

/// How many items of each kind a cut holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    weights: BTreeMap<(Hotkey, u16), usize>,
    operations: usize,
    others: usize,
}

/// A cut that holds too many items of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutSize {
    /// Rows of weights of one signer and mechanism.
    #[error("the cut holds {count} rows of weights of {signer}, over the limit of {limit}")]
    Weights {
        /// The signer.
        signer: Hotkey,
        /// Rows it has.
        count: usize,
        /// Rows it may have.
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
        let count = match item.body() {
            Body::Weights(weights) => {
                self.weights.entry((weights.signer, weights.mechid)).or_default()
            }
            Body::RegistryOp(_) => &mut self.operations,
            _ => &mut self.others,
        };
        *count = count.saturating_add(1);
    }

    /// Whether a cut that holds these may hold one more such item.
    #[must_use]
    pub fn has_room_for(&self, item: &Item) -> bool {
        match item.body() {
            Body::Weights(weights) => {
                let held = self.weights.get(&(weights.signer, weights.mechid));
                held.is_none_or(|count| *count < WEIGHTS_MAX)
            }
            Body::RegistryOp(_) => self.operations < OPERATIONS_MAX,
            _ => false,
        }
    }

    /// Whether a cut may hold as many: [`limits::CUT_FACTOR`] times what one list may, of each kind.
    ///
    /// # Errors
    /// The first kind of which there are too many.
    pub fn check(&self) -> Result<(), CutSize> {
        let limit = WEIGHTS_MAX;
        if let Some(((signer, _), count)) = self.weights.iter().find(|(_, count)| **count > limit) {
            return Err(CutSize::Weights { signer: *signer, count: *count, limit });
        }
        let limit = OPERATIONS_MAX;
        if self.operations > limit {
            return Err(CutSize::Operations { count: self.operations, limit });
        }
        if self.others > 0 {
            return Err(CutSize::OtherKinds { count: self.others });
        }
        Ok(())
    }
}

/// Admissible items by the orders they are listed in.
#[derive(Default)]
struct Pool {
    weights: BTreeMap<(Hotkey, u16), (Reverse<u64>, ItemId)>,
    registrations: BTreeMap<(Digest, ItemId), ItemId>,
    accounts: BTreeMap<Coldkey, BTreeMap<u64, ItemId>>,
}

impl Pool {
    fn add(&mut self, state: &State, item: &Item) {
        let id = item.id();
        match item.body() {
            Body::Weights(weights) => {
                let best = (Reverse(weights.seq), id);
                let held = self.weights.entry((weights.signer, weights.mechid)).or_insert(best);
                *held = best.min(*held);
            }
            Body::RegistryOp(op) => match Registration::of(op) {
                Some(registration) => {
                    let work = registration.work(state.subnet());
                    self.registrations.insert((work, id), id);
                }
                None => {
                    // Of two with one nonce the lower id is executed, so the other is not listed.
                    let account = self.accounts.entry(Coldkey::new(op.signer)).or_default();
                    let held = account.entry(op.nonce).or_insert(id);
                    *held = id.min(*held);
                }
            },
            _ => {}
        }
    }

    fn weights(&self) -> Vec<ItemId> {
        self.weights.values().map(|(_, id)| *id).collect()
    }

    fn operations(&self, state: &State, room: usize) -> Vec<ItemId> {
        let mut staked: BTreeMap<Coldkey, u64> = BTreeMap::new();
        for (_, one) in state.participants() {
            let stake = staked.entry(one.coldkey).or_default();
            *stake = stake.saturating_add(one.stake.get());
        }
        let mut queues: Vec<(Reverse<u64>, Coldkey, VecDeque<ItemId>)> = self
            .accounts
            .iter()
            .map(|(coldkey, waiting)| {
                let stake = staked.get(coldkey).copied().unwrap_or(0);
                let holding = state.account(coldkey).balance.get().saturating_add(stake);
                (Reverse(holding), *coldkey, waiting.values().copied().collect())
            })
            .collect();
        queues.sort_unstable_by_key(|(holding, coldkey, _)| (*holding, *coldkey));
        let mut chosen = Vec::new();
        while chosen.len() < room {
            let turn = queues.iter_mut().filter_map(|(_, _, queue)| queue.pop_front());
            let before = chosen.len();
            chosen.extend(turn.take(room.saturating_sub(before)));
            if chosen.len() == before {
                break;
            }
        }
        chosen
    }
}

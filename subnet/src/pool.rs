//! Authentic items that a cut may still take.

use std::collections::BTreeMap;

use ganglion_consensus::ledger::{State, admissible};
use ganglion_types::{Body, Item, ItemId, Kind};

use crate::intake::Rejection;

/// Items of cut kinds whose signature held and that were admissible when they came.
///
/// Bounds: [`Pool::ITEMS`] in all, [`Pool::WEIGHTS`] of one signer's weights and as many commits,
/// [`Pool::REVEALS`] of its reveals, [`Pool::EVIDENCE`] against one offender, [`Pool::OPERATIONS`] of one
/// account, [`Pool::REGISTRY`] of one member about another chain's registry.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    items: BTreeMap<ItemId, Item>,
    held: BTreeMap<(Class, [u8; 32]), usize>,
}

/// What one signer may have some of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Of(Kind),
    /// Operations on another chain's registry: snapshots are large.
    Registry,
}

impl Class {
    fn of(item: &Item) -> Self {
        match item.body() {
            Body::RegistryOp(op) if op.operation.is_of_registry() => Self::Registry,
            _ => Self::Of(item.kind()),
        }
    }

    const fn most(self) -> usize {
        match self {
            Self::Of(Kind::Weights | Kind::WeightCommit) => Pool::WEIGHTS,
            Self::Of(Kind::WeightReveal) => Pool::REVEALS,
            Self::Of(Kind::Evidence) => Pool::EVIDENCE,
            Self::Of(_) => Pool::OPERATIONS,
            Self::Registry => Pool::REGISTRY,
        }
    }
}

impl Pool {
    /// Items in all: four times what the fullest list names.
    pub const ITEMS: usize = 4 * ganglion_types::limits::LIST_IDS;
    /// Weights of one signer: a counting one, its replacement, and a pair that proves a lie.
    pub const WEIGHTS: usize = 4;
    /// Reveals of one signer: as many for each open commit.
    pub const REVEALS: usize = Self::WEIGHTS * ganglion_types::limits::OPEN_COMMITS;
    /// Evidence against one offender: one piece is enough, and each kind of offence may have some.
    pub const EVIDENCE: usize = 8;
    /// Operations of one account: its window of 16 nonces, twice.
    pub const OPERATIONS: usize = 32;
    /// Words of one member about another chain's registry: an observation and a snapshot, and those of a block later.
    pub const REGISTRY: usize = 4;

    /// Whether one more item of this signer has room. Cheap: asked before the signature is checked.
    ///
    /// # Errors
    /// [`Rejection::Duplicate`], [`Rejection::SignerRate`] or [`Rejection::Full`].
    pub fn room(&self, item: &Item) -> Result<(), Rejection> {
        if self.items.contains_key(&item.id()) {
            return Err(Rejection::Duplicate);
        }
        let class = Class::of(item);
        let held = self.held.get(&(class, *item.body().signer())).copied().unwrap_or(0);
        if held >= class.most() {
            return Err(Rejection::SignerRate);
        }
        if self.items.len() >= Self::ITEMS {
            return Err(Rejection::Full);
        }
        Ok(())
    }

    /// Takes an authentic, admissible item; nothing happens without [`Pool::room`].
    pub fn insert(&mut self, item: Item) {
        if self.room(&item).is_ok() {
            let held = self.held.entry((Class::of(&item), *item.body().signer())).or_insert(0);
            *held = held.saturating_add(1);
            self.items.insert(item.id(), item);
        }
    }

    /// An item by id.
    #[must_use]
    pub fn get(&self, id: &ItemId) -> Option<&Item> {
        self.items.get(id)
    }

    /// All items, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// Ids of all, rising.
    pub fn ids(&self) -> impl Iterator<Item = &ItemId> {
        self.items.keys()
    }

    /// Drops what was decided and what the new state does not admit any more.
    pub fn settle(&mut self, decided: &[ItemId], state: &State) {
        let items = std::mem::take(&mut self.items);
        self.held.clear();
        for (id, item) in items {
            if decided.binary_search(&id).is_err() && admissible(state, &item).is_ok() {
                self.insert(item);
            }
        }
    }
}

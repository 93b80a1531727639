//! A node's data directory, made as fast as its epochs execute: what a node leaves behind that ran for so long.

use std::path::Path;
use std::sync::Arc;

use ganglion_consensus::ledger::{State, execute};
use ganglion_persist::{Keeper, snapshots};
use ganglion_storage::{StateChange, Store};
use ganglion_subnet::Commit;
use ganglion_types::{
    Canonical as _, Cut, Digest, Epoch, EpochBundle, Item, ItemId, Manifest, Round, VoteType, seed,
};

use crate::world::{certificate, chain, weights_with};

/// The seed elements of a validator for epochs 0 to `last`. One by one each would cost the way from the chain's start.
fn seeds(number: u8, last: u64) -> Vec<Digest> {
    let mut elements = vec![seed::element(&chain(number), last).unwrap()];
    for _ in 0..last {
        elements.push(seed::step(elements.last().unwrap()));
    }
    elements.reverse();
    elements
}

/// One epoch of a subnet in which every validator sets weights on all miners.
fn close(state: &State, seeds: &[Vec<Digest>]) -> Commit {
    let epoch = usize::try_from(state.next_epoch().get()).unwrap();
    let first = u16::try_from(seeds.len()).unwrap();
    let uids = u16::try_from(state.participants().count()).unwrap();
    let entries: Vec<(u16, u16)> =
        (first..uids).map(|miner| (miner, u16::MAX - (miner - first))).collect();
    let mut items: Vec<Item> = (0..)
        .zip(seeds)
        .map(|(number, seeds)| weights_with(state, number, &entries, seeds[epoch]))
        .collect();
    items.sort_by_key(Item::id);
    let time = state.chain().time + state.timing().epoch_ms;
    let executed = execute(state, time, &items).unwrap();
    let cut = Cut {
        subnet: *state.subnet(),
        epoch: state.next_epoch(),
        prev: state.head(),
        lists: vec![ItemId::new([1; 32]), ItemId::new([2; 32])],
        items: items.iter().map(Item::id).collect(),
        time,
        registry: Digest::ZERO,
        result_root: executed.roots.result_root,
        state_root: executed.roots.state_root,
        next_committee_root: executed.roots.next_committee_root,
    };
    let id = cut.id();
    let certificate = certificate(&cut, state, Round::new(1), VoteType::Precommit);
    let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
    let next = executed.into_state(id);
    let rows = next.changed_rows(state);
    let bundle = EpochBundle { cut, certificate, items };
    Commit { bundle, id, rows, result, receipts, state: Arc::new(next) }
}

/// How a node lived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) epochs: u64,
    /// 0 keeps no snapshots.
    pub(crate) snapshot_every: u64,
    pub(crate) archive: bool,
}

/// Lives in an initialised directory of a subnet of [`crate::world::manifest`]: commits, prunes, keeps snapshots and
/// removes items as a node does. The state at the end.
pub(crate) fn live(dir: &Path, manifest: &Manifest, validators: u8, life: Life) -> Arc<State> {
    let genesis = State::genesis(Arc::new(manifest.clone())).unwrap();
    let (mut store, _) = Store::open(dir, *genesis.subnet().as_bytes()).unwrap();
    let rows = genesis.rows().into_iter();
    let rows = rows.map(|((table, key), value)| StateChange { table, key, value: Some(value) });
    store.commit_genesis(genesis.genesis_cut().unwrap().to_bytes(), rows.collect()).unwrap();
    go_on(store, Arc::new(genesis), validators, life)
}

/// Lives on from a state up to an epoch.
pub(crate) fn go_on(store: Store, state: Arc<State>, validators: u8, life: Life) -> Arc<State> {
    let mut keeper = Keeper::new(store, life.archive);
    let mut state = state;
    let seeds: Vec<Vec<Digest>> =
        (0..validators).map(|number| seeds(number, life.epochs)).collect();
    for epoch in state.next_epoch().get()..=life.epochs {
        keeper.keep_committee(&state);
        keeper.reset_log(Epoch::new(epoch)).unwrap();
        let commit = close(&state, &seeds);
        keeper.commit(&commit).unwrap();
        keeper.prune(&commit.state).unwrap();
        state = commit.state;
        let EpochBundle { cut, certificate, .. } = &commit.bundle;
        if life.snapshot_every > 0 && epoch.is_multiple_of(life.snapshot_every) {
            snapshots::keep(keeper.reader().snapshots(), &state, cut, certificate);
        }
        if let Some(compaction) = keeper.compaction(&state) {
            compaction.run().unwrap();
        }
    }
    state
}

/// Bytes of the certificate log in a data directory.
pub(crate) fn log_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let logs =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("certificates-"));
    logs.map(|entry| entry.metadata().unwrap().len()).sum()
}
